//! Writes of this process to one key at a time, and those that are not.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::owed::Kind;
use super::replica::Replica;

/// The writes that run, by their keys.
#[derive(Default)]
pub(crate) struct Writes(Mutex<HashMap<String, Running>>);

#[derive(Default)]
struct Running {
    count: usize,
    /// Whether there were two at once since the first: nobody but the primary knows which came last.
    overlapped: bool,
}

impl Writes {
    /// Takes note of a write until the guard is dropped.
    pub(crate) fn begin<'a>(&'a self, key: &'a str) -> Write<'a> {
        let mut running = self.lock();
        let entry = running.entry(key.to_owned()).or_default();
        entry.count += 1;
        entry.overlapped |= entry.count > 1;
        Write { writes: self, key }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write that runs.
pub(crate) struct Write<'a> {
    writes: &'a Writes,
    key: &'a str,
}

impl Write<'_> {
    pub(crate) fn overlapped(&self) -> bool {
        self.writes.lock().get(self.key).is_some_and(|running| running.overlapped)
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        let mut running = self.writes.lock();
        if let Some(entry) = running.get_mut(self.key) {
            entry.count -= 1;
            if entry.count == 0 {
                running.remove(self.key);
            }
        }
    }
}

/// Owes a key to every replica when it is dropped: also when the caller gives the write up, which the primary may have done
/// nevertheless.
pub(crate) struct Open<'a> {
    pub(crate) replicas: &'a [Replica],
    pub(crate) key: &'a str,
    /// `None` once it is certain that nothing was written.
    pub(crate) kind: Option<Kind>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Some(kind) = self.kind else { return };
        self.replicas.iter().for_each(|replica| replica.owe(self.key, kind));
    }
}
