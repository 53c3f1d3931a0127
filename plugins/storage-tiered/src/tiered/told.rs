//! What was reported once and is not to be reported again.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::lru::CopyId;

/// How many are remembered.
const MAX_TOLD: usize = 10_000;

/// The copies that something was reported of.
#[derive(Default)]
pub(crate) struct Told(Mutex<HashSet<CopyId>>);

impl Told {
    /// Whether this copy is new here; it is noted.
    pub(crate) fn first(&self, id: &CopyId) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MAX_TOLD {
            told.clear();
        }
        told.insert(*id)
    }
}
