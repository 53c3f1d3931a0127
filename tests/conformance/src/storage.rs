//! The storage checks: the list of them, and how they run.

pub mod cancel;
pub mod concurrency;
pub mod create;
pub mod delete;
pub mod errors;
pub mod keys;
pub mod listing;
pub mod ranges;
pub mod round_trip;

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use persist_plugin_api::DynStorage;

use crate::failure::{Failure, Outcome, report};

/// How long a check may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(300);

/// A check, by name.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct StorageCheck {
    /// The topic and the function, for example `create::one_winner`.
    pub name: &'static str,
    /// Runs the check.
    pub run: for<'a> fn(&'a dyn DynStorage) -> LocalBoxFuture<'a, Outcome>,
}

macro_rules! checks {
    ($($topic:ident::$check:ident),* $(,)?) => {
        vec![$(StorageCheck {
            name: concat!(stringify!($topic), "::", stringify!($check)),
            run: |store| Box::pin($topic::$check(store)),
        }),*]
    };
}

/// Every storage check.
#[must_use]
pub fn storage_checks() -> Vec<StorageCheck> {
    checks![
        round_trip::every_size_comes_back,
        round_trip::save_replaces_the_whole_object,
        round_trip::stat_and_exists_know_the_object,
        ranges::a_range_is_that_part,
        ranges::a_range_is_cut_at_the_end,
        ranges::a_range_may_be_empty,
        ranges::a_range_of_an_absent_object_is_not_found,
        listing::an_empty_listing_succeeds,
        listing::recursive_listing_is_complete,
        listing::directories_are_folded,
        listing::every_page_size_lists_the_same,
        listing::start_after_is_exclusive,
        listing::a_prefix_may_end_inside_a_name,
        listing::entries_carry_sizes,
        listing::fresh_writes_are_listed,
        listing::emptied_directories_are_not_listed,
        create::a_taken_key_stays_untouched,
        create::a_deleted_key_is_free_again,
        create::one_winner,
        keys::odd_keys_are_ordinary,
        keys::long_keys_are_ordinary,
        keys::letter_case_is_kept,
        keys::invalid_keys_are_refused,
        errors::absent_objects_are_not_found,
        errors::a_directory_is_no_object,
        errors::nothing_is_below_an_object,
        delete::a_deleted_object_is_gone,
        delete::deleting_twice_succeeds,
        delete::neighbours_stay,
        concurrency::readers_see_whole_objects,
        concurrency::many_objects_at_once,
        cancel::a_dropped_create_is_whole_or_absent,
        cancel::a_dropped_save_keeps_old_or_new,
    ]
}

/// Runs every storage check on one store.
///
/// # Panics
/// When a check fails, with the name and the findings of every check that did.
pub async fn run_storage(store: &dyn DynStorage) {
    let checks = storage_checks();
    let mut failed = Vec::new();
    for check in &checks {
        let outcome = tokio::time::timeout(PATIENCE, (check.run)(store)).await;
        let late = || Failure::new(format!("did not end within {} s", PATIENCE.as_secs()));
        if let Err(failure) = outcome.unwrap_or_else(|_| Err(late())) {
            failed.push((check.name, failure));
        }
    }
    assert!(failed.is_empty(), "{}", report(&failed, checks.len()));
}
