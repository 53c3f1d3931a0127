//! The storage checks: the list of them, and how they run.

pub mod cancel;
pub mod capabilities;
pub mod concurrency;
pub mod create;
pub mod delete;
pub mod errors;
pub mod handles;
pub mod keys;
pub mod listing;
pub mod panics;
pub mod ranges;
pub mod round_trip;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use persist_plugin_api::{DynStorage, Result, StorageAdapter};

pub use self::handles::OpenStorage;
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

impl StorageCheck {
    /// Runs the check; a panic of the adapter is a failure like any other.
    ///
    /// # Errors
    /// What the adapter did otherwise.
    pub async fn attempt(&self, store: &dyn DynStorage) -> Outcome {
        caught((self.run)(store)).await
    }
}

/// A check that opens the adapter itself, by name.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct HandleCheck {
    /// The topic and the function, for example `handles::objects_outlive_their_writer`.
    pub name: &'static str,
    /// Runs the check.
    pub run: for<'a> fn(&'a OpenStorage<'a>) -> LocalBoxFuture<'a, Outcome>,
}

impl HandleCheck {
    /// Runs the check; a panic of the adapter is a failure like any other.
    ///
    /// # Errors
    /// What the adapter did otherwise.
    pub async fn attempt<'a>(&self, open: &'a OpenStorage<'a>) -> Outcome {
        caught((self.run)(open)).await
    }
}

macro_rules! checks {
    ($kind:ident: $($topic:ident::$check:ident),* $(,)?) => {
        vec![$($kind {
            name: concat!(stringify!($topic), "::", stringify!($check)),
            run: |subject| Box::pin($topic::$check(subject)),
        }),*]
    };
}

/// Every storage check.
#[must_use]
pub fn storage_checks() -> Vec<StorageCheck> {
    checks![
        StorageCheck:
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
        cancel::dropped_reads_block_nobody,
        panics::reversed_ranges_are_answered,
        panics::absurd_listings_are_answered,
        panics::absurd_listings_keep_to_their_prefix,
        capabilities::they_stay_the_same,
        capabilities::the_largest_size_is_the_largest,
    ]
}

/// Every check that opens the adapter itself.
#[must_use]
pub fn handle_checks() -> Vec<HandleCheck> {
    checks![HandleCheck: handles::objects_outlive_their_writer, handles::one_winner_among_adapters]
}

/// Runs every storage check on one store.
///
/// # Panics
/// When a check fails, with the name and the findings of every check that did.
pub async fn run_storage(store: &dyn DynStorage) {
    let checks = storage_checks();
    let mut failed = Vec::new();
    for check in &checks {
        if let Err(failure) = in_time(check.attempt(store)).await {
            failed.push((check.name, failure));
        }
    }
    assert!(failed.is_empty(), "{}", report(&failed, checks.len()));
}

/// Runs every check that opens the adapter itself.
///
/// # Panics
/// As [`run_storage`].
pub async fn run_handles<'a>(open: &'a OpenStorage<'a>) {
    let checks = handle_checks();
    let mut failed = Vec::new();
    for check in &checks {
        if let Err(failure) = in_time(check.attempt(open)).await {
            failed.push((check.name, failure));
        }
    }
    assert!(failed.is_empty(), "{}", report(&failed, checks.len()));
}

/// Runs all checks of a storage adapter in a tokio runtime of their own, with a function that opens the adapter, each
/// time with the same options. To be called from an ordinary test function.
///
/// # Panics
/// When the adapter cannot be opened, or a check fails.
pub fn test_storage<A: StorageAdapter>(open: impl AsyncFn() -> Result<A>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("cannot start a tokio runtime: {error}"));
    runtime.block_on(async {
        match open().await {
            Ok(store) => run_storage(&store).await,
            Err(error) => panic!("cannot open the adapter: {}", Failure::from(error)),
        }
        let open = &open;
        run_handles(&move || {
            Box::pin(async move { open().await.map(|store| Box::new(store) as Box<dyn DynStorage>) })
        })
        .await;
    });
}

async fn caught(check: impl Future<Output = Outcome>) -> Outcome {
    let outcome = AssertUnwindSafe(check).catch_unwind().await;
    outcome.unwrap_or_else(|payload| Err(Failure::panicked(&*payload)))
}

async fn in_time(check: impl Future<Output = Outcome>) -> Outcome {
    let late = || Failure::new(format!("did not end within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, check).await.unwrap_or_else(|_| Err(late()))
}
