//! The compression checks: the list of them, and how they run.

pub mod checks;

use std::panic::{AssertUnwindSafe, catch_unwind};

use persist_plugin_api::DynCompression;

use crate::failure::{Failure, Outcome, report};

/// A check, by name.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CompressionCheck {
    /// The function, for example `bombs_are_bounded` or `prefix::support_is_honest`.
    pub name: &'static str,
    /// Runs the check.
    pub run: fn(&dyn DynCompression) -> Outcome,
}

impl CompressionCheck {
    /// Runs the check; a panic of the adapter is a failure like any other.
    ///
    /// # Errors
    /// What the adapter did otherwise.
    pub fn attempt(&self, compression: &dyn DynCompression) -> Outcome {
        catch_unwind(AssertUnwindSafe(|| (self.run)(compression)))
            .unwrap_or_else(|payload| Err(Failure::panicked(&*payload)))
    }
}

/// The checks without a prefix; then those with one, from their own module.
macro_rules! list {
    ($($check:ident),* ; $($with_prefix:ident),*) => {
        vec![
            $(CompressionCheck { name: stringify!($check), run: checks::$check },)*
            $(CompressionCheck {
                name: concat!("prefix::", stringify!($with_prefix)),
                run: checks::prefix::$with_prefix,
            },)*
        ]
    };
}

/// Every compression check.
#[must_use]
pub fn compression_checks() -> Vec<CompressionCheck> {
    list![
        every_input_comes_back,
        the_bound_is_exact,
        bombs_are_bounded,
        a_high_bound_costs_nothing,
        truncated_streams_are_corrupt,
        flipped_bits_never_change_the_output,
        trailing_bytes_are_corrupt,
        other_bytes_are_corrupt,
        damaged_streams_never_panic,
        many_threads_share_it;
        support_is_honest,
        every_prefix_comes_back,
        the_bound_is_exact,
        truncated_streams_are_corrupt,
        trailing_bytes_are_corrupt,
        damage_is_bounded,
        another_prefix_is_another_output,
        other_streams_stay_as_they_are
    ]
}

/// Runs every compression check.
///
/// # Panics
/// When a check fails, with the name and the findings of every check that did.
pub fn run_compression(compression: &dyn DynCompression) {
    let checks = compression_checks();
    let failed: Vec<_> =
        checks.iter().filter_map(|check| Some((check.name, check.attempt(compression).err()?))).collect();
    assert!(failed.is_empty(), "{}", report(&failed, checks.len()));
}
