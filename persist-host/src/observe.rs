//! What a store tells those who watch it: which operations began, and how they ended.
//!
//! Logs, metrics, traces and the audit trail are all made of this. An observer is told of whole operations and of the
//! calls of the storage adapter that they make; it never sees a state.

mod operation;
pub(crate) mod propagation;
mod storage;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use operation::Report;
pub use operation::{Facts, Operation, Place};
pub(crate) use storage::Watched;

use crate::{Error, Result};

/// Somebody who watches a store. Its methods are called by the thread that works on the operation, so they must be
/// quick, and must not call the store.
pub trait Observer: Send + Sync {
    /// An operation is about to begin.
    ///
    /// # Errors
    /// An observer that cannot do without the record of an operation refuses it here: it then fails with this error, and
    /// nothing is done.
    fn begin(&self, subject: &Subject) -> Result<()> {
        let _ = subject;
        Ok(())
    }

    /// An operation ended. It is called exactly once for each [`begin`](Self::begin) that returned `Ok`, even if the
    /// operation was cancelled.
    fn end(&self, subject: &Subject, outcome: &Outcome<'_>, elapsed: Duration) {
        let _ = (subject, outcome, elapsed);
    }

    /// A call of the storage adapter ended.
    fn storage_call(&self, call: &StorageCall<'_>) {
        let _ = call;
    }

    /// A save looked in memory for the newest state of its session, to store the new one against it.
    fn cache_lookup(&self, lookup: &CacheLookup<'_>) {
        let _ = lookup;
    }
}

/// An operation of a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subject {
    /// What is done.
    pub operation: Operation,
    /// The store's name in the config.
    pub store: Arc<str>,
    /// The name of its storage adapter.
    pub adapter: Arc<str>,
    /// What it is done to.
    pub place: Place,
    /// The id of the request: the caller's own, or a new one.
    pub request_id: Arc<str>,
}

/// How an operation ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// It did what was asked.
    Succeeded(&'a Facts),
    /// It failed with this error.
    Failed(&'a Error),
    /// Its caller stopped waiting. What it had done by then stays done.
    Cancelled,
}

impl Outcome<'_> {
    /// The outcome's stable name: `ok`, `cancelled`, or the name of the error's kind.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "ok",
            Self::Failed(error) => error.kind().name(),
            Self::Cancelled => "cancelled",
        }
    }
}

/// A look for a session's newest state.
#[derive(Debug)]
#[non_exhaustive]
pub struct CacheLookup<'a> {
    /// The store's name in the config.
    pub store: &'a str,
    /// Whether it was there; otherwise it is read from the storage.
    pub hit: bool,
}

/// A call of a storage adapter that ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct StorageCall<'a> {
    /// The name of the adapter.
    pub adapter: &'a str,
    /// The method, for example `save_if_absent`.
    pub method: &'static str,
    /// How many bytes of objects were sent or received.
    pub bytes: u64,
    /// The adapter's error, if it failed; `None` also for a call that was given up by its caller.
    pub error: Option<&'a persist_plugin_api::Error>,
    /// Whether its caller stopped waiting.
    pub cancelled: bool,
    /// How long it took.
    pub elapsed: Duration,
}
