//! The engine: snapshots of sessions in one store, over an adapter it knows only by its trait.
//!
//! # What it guarantees
//!
//! - A save that returned is durable (as far as the adapter's options ask for) and restores byte for byte; one that
//!   reports a conflict changed nothing; anything else is reported as *outcome unknown*, with its write id.
//! - Records of a session are created in index order, under keys that are free, and never replaced: two writers never
//!   share an index, and a number is never used again.
//! - A deletion is a decision in a manifest, made like a save by creating the next number.
//! - No decision rests on a listing or on a clock. A listing is a hint; reads decide.

mod attachments;
mod batch;
mod cache;
mod chain;
mod collect;
mod commit;
mod compact;
mod copy;
mod delete;
mod earlier;
mod encode;
mod errors;
mod fetch;
mod fork;
mod head;
mod label;
mod list;
mod manifest;
mod marker;
mod names;
mod objects;
mod operation;
mod position;
mod purpose;
mod repair;
mod restore;
mod save;
mod segment;
mod stats;
mod survey;
mod sweep;
mod verify;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use persist_plugin_api::{Capabilities, DynStorage};
use tokio::sync::OnceCell;

use crate::codec::CodecSource;
use crate::format::Marker;
use crate::observe::{Observer, Watched};
use crate::{Error, ErrorKind, Result, SessionRef};
use cache::Cache;
pub use collect::Collected;
pub use copy::{CheckedCopy, Copied, CopyOptions, CopyState};
use head::View;
pub use position::Position;
pub use repair::{Remedy, RepairRow};
pub use segment::Tuning;
pub use stats::SessionStats;
pub use verify::Depth;

/// How many sessions' last known states a store remembers. Each takes some hundred bytes; forgetting one costs a few
/// requests at its next save.
const REMEMBERED_SESSIONS: usize = 4096;

/// What a [`Store`] is made of. A clone makes another store over the same opened adapter.
#[derive(Clone)]
pub struct StoreOptions {
    /// The store's name in the config, for messages.
    pub name: String,
    /// The name of the storage adapter, which snapshots report.
    pub storage_name: String,
    /// The storage adapter.
    pub storage: Arc<dyn DynStorage>,
    /// The codec that new snapshots are compressed with; `None` stores them as they are.
    pub codec_name: Option<String>,
    /// Where codecs come from, for writing and for reading whatever the store was written with.
    pub codecs: Arc<dyn CodecSource>,
    /// The user's word that one process at a time writes to the store. Without it, a storage adapter that cannot create
    /// atomically is refused for saving.
    pub single_writer: bool,
    /// Whether to save into storage that does not promise to keep what it is given.
    pub allow_volatile: bool,
    /// How snapshots are laid out.
    pub tuning: Tuning,
    /// Who is told of all that is done with the store, in this order.
    pub observers: Vec<Arc<dyn Observer>>,
}

/// A store of snapshots. Clones are cheap and share everything.
///
/// Its operations must run inside a tokio runtime. Each may be cancelled by dropping its future: what was acknowledged
/// stays, and nothing half-written becomes visible.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    options: StoreOptions,
    /// The names of the store and of its adapter, and who is told what is done with them.
    name: Arc<str>,
    adapter: Arc<str>,
    observers: Arc<[Arc<dyn Observer>]>,
    marker: OnceCell<Marker>,
    /// The marker as it was read for operations that decide nothing, maybe from a copy.
    consulted_marker: OnceCell<Marker>,
    capabilities: OnceCell<Capabilities>,
    views: Mutex<HashMap<SessionRef, View>>,
    cache: Mutex<Cache>,
    /// Whether a write was left open in storage where it may still land on top of a later one.
    unsettled: AtomicBool,
    /// Whether the storage was last found without the store that this process began with.
    replaced: AtomicBool,
}

impl Store {
    /// A store over an opened adapter. It does not touch the backend.
    #[must_use]
    pub fn new(mut options: StoreOptions) -> Self {
        let observers: Arc<[_]> = std::mem::take(&mut options.observers).into();
        let adapter: Arc<str> = options.storage_name.as_str().into();
        let inner = options.storage;
        options.storage = Arc::new(Watched::new(inner, Arc::clone(&adapter), Arc::clone(&observers)));
        let shared = Shared {
            name: options.name.as_str().into(),
            adapter,
            observers,
            options,
            marker: OnceCell::new(),
            consulted_marker: OnceCell::new(),
            capabilities: OnceCell::new(),
            views: Mutex::default(),
            cache: Mutex::default(),
            unsettled: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    fn options(&self) -> &StoreOptions {
        &self.shared.options
    }

    fn storage(&self) -> &dyn DynStorage {
        &*self.shared.options.storage
    }

    /// What the storage can do; asked for once.
    async fn capabilities(&self) -> Result<&Capabilities> {
        self.shared.capabilities.get_or_try_init(|| self.ask_capabilities()).await
    }

    /// Makes sure that the store may be written to by this process.
    pub(crate) async fn check_writable(&self) -> Result<&Capabilities> {
        let options = self.options();
        let capabilities = self.capabilities().await?;
        if !capabilities.durable && !options.allow_volatile {
            let message = format!(
                "the storage {:?} of store {:?} does not promise that what is saved lasts: it may be lost when this process \
                 ends, or when a server crashes; nothing was saved",
                options.storage_name, options.name
            );
            return Err(Error::new(ErrorKind::InvalidInput, "storage_not_durable", message)
                .with_hint(
                    "the log says why where a server is at fault; choose a store whose storage lasts, for example the adapter \
                     \"local\", or, if such a loss is acceptable, set the option that the adapter's page names",
                ));
        }
        if !capabilities.atomic_create && !options.single_writer {
            let message = format!(
                "the storage {:?} of store {:?} cannot create an object atomically, so two writers could overwrite \
                 each other; nothing was written",
                options.storage_name, options.name
            );
            return Err(Error::new(ErrorKind::InvalidInput, "no_atomic_create", message).with_hint(format!(
                "set single_writer = true for the store {:?} if only one process at a time writes to it",
                options.name
            )));
        }
        if self.shared.unsettled.load(Ordering::Acquire) {
            let message = format!(
                "an earlier write to the store {:?} was left open and may still come into effect, on top of what is \
                 written after it; nothing was written",
                options.name
            );
            return Err(Error::new(ErrorKind::Unavailable, "writing_stopped", message).with_hint(
                "once the storage works again, check the store with `persist verify` and open it anew",
            ));
        }
        Ok(capabilities)
    }

    /// Stops all writing through this store for good, where a write that was left open could undo a later one.
    fn stop_writing(&self) {
        self.shared.unsettled.store(true, Ordering::Release);
    }

    fn views(&self) -> MutexGuard<'_, HashMap<SessionRef, View>> {
        self.shared.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the storage says of itself now.
    async fn ask_capabilities(&self) -> Result<Capabilities> {
        self.storage().capabilities().await.map_err(|error| {
            let name = &self.options().name;
            let attempt = format!("cannot find out what the storage of store {name:?} supports");
            Error::from_adapter(attempt, error)
        })
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.shared.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this process last knew of a session: a hint, never a fact.
    fn remembered(&self, session: &SessionRef) -> Option<View> {
        self.views().get(session).cloned()
    }

    /// Forgets a session of which something remembered turned out to be long past.
    fn forget(&self, session: &SessionRef) {
        self.views().remove(session);
    }

    fn remember(&self, session: &SessionRef, view: View) {
        let mut views = self.views();
        if views.len() >= REMEMBERED_SESSIONS && !views.contains_key(session) {
            views.clear();
        }
        views.insert(session.clone(), view);
    }
}
