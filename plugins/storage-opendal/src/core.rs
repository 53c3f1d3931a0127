//! What the adapters share: a connected service, and the state that the calls to it need.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opendal::Operator;
use persist_plugin_network::Retry;
use tokio::sync::OnceCell;

use crate::cursors::Cursors;
use crate::error::{Call, Place};
use crate::keys::Root;
use crate::upload::Uploads;
use crate::wire::{Client, Facts, Seen};

/// The largest object, in bytes: what Azure takes in one request. Google takes more.
pub(crate) const MAX_OBJECT_BYTES: u64 = 5000 << 20;

/// An adapter that is connected, which does not mean that anything was sent.
pub struct Core {
    operator: Operator,
    client: Client,
    pub(crate) place: Place,
    pub(crate) root: Root,
    pub(crate) retry: Retry,
    pub(crate) uploads: Uploads,
    pub(crate) cursors: Cursors,
    /// Whether an object can be created atomically, once that is known.
    pub(crate) creates: OnceCell<bool>,
    /// Whether the service keeps what is replaced or deleted, where it was asked.
    pub(crate) asked_versions: OnceCell<bool>,
    /// The container was seen to exist.
    pub(crate) container_seen: AtomicBool,
    /// An answer said that what was replaced or deleted is kept.
    versions_kept: AtomicBool,
    /// An answer said that it is gone for good.
    versions_gone: AtomicBool,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn new(
        operator: Operator,
        client: Client,
        place: Place,
        root: Root,
        retry: Retry,
        uploads: Uploads,
    ) -> Self {
        Self {
            operator,
            client,
            place,
            root,
            retry,
            uploads,
            cursors: Cursors::default(),
            creates: OnceCell::new(),
            asked_versions: OnceCell::new(),
            container_seen: AtomicBool::new(false),
            versions_kept: AtomicBool::new(false),
            versions_gone: AtomicBool::new(false),
        }
    }

    /// The service, for one call whose requests are noted in `seen`.
    pub(crate) fn operator(&self, seen: &Arc<Seen>) -> Operator {
        self.operator.clone().with_context(self.client.context(seen))
    }

    /// The client, for requests that are made without OpenDAL.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn call<'a>(&'a self, verb: &'static str, name: Option<&'a str>) -> Call<'a> {
        Call { verb, name, place: &self.place }
    }

    /// Remembers what a write or a deletion told by the way.
    pub(crate) fn note(&self, facts: &Facts) {
        match facts.keeps_versions {
            Some(true) => self.versions_kept.store(true, Ordering::Relaxed),
            Some(false) => self.versions_gone.store(true, Ordering::Relaxed),
            None => {}
        }
    }

    /// Whether what was replaced or deleted is kept, as far as answers told. One that said so counts more than any that did not.
    pub(crate) fn versions_seen(&self) -> Option<bool> {
        let kept = self.versions_kept.load(Ordering::Relaxed);
        (kept || self.versions_gone.load(Ordering::Relaxed)).then_some(kept)
    }
}
