//! A cache in front of a store.

mod cache;
mod entry;
mod lru;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use persist_plugin_api::{
    Bytes, Capabilities, ErrorCode, ListPage, ListRequest, ObjectMeta, Part, ReadPurpose, Request, Result,
    StorageAdapter,
};
use tokio::sync::{Mutex as AsyncMutex, RwLock};

use crate::config::TieredConfig;
use crate::marker::MARKER;
use cache::{Cache, Namespace};

/// Keeps objects in a remote adapter, and copies of them in a cache that answers reads of contents.
pub struct TieredStorage {
    remote: Part,
    cache: Cache,
    seen: Mutex<Seen>,
    /// One at a time looks at the marker; the others then know.
    looking: AsyncMutex<()>,
    /// How often an object was replaced or removed. What was read before the last time may be out of date, and is not kept.
    removals: RwLock<u64>,
}

/// Which store the remote was last seen to hold.
#[derive(Default)]
struct Seen {
    namespace: Option<Namespace>,
    /// The request that looked last.
    by: Option<Arc<str>>,
}

impl TieredStorage {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn namespace(&self) -> Option<Namespace> {
        self.seen().namespace.clone()
    }

    /// Notes the store that the remote holds.
    fn note(&self, marker: Option<&[u8]>) {
        let seen = Seen { namespace: marker.map(Namespace::of_marker), by: Request::current().id };
        *self.seen() = seen;
    }

    /// Looks which store the remote holds, once for each request: copies of one that was there before are not of this one.
    async fn look(&self) -> Option<Namespace> {
        let _one = self.looking.lock().await;
        let request = Request::current().id;
        {
            let seen = self.seen();
            if request.is_some() && seen.by == request {
                return seen.namespace.clone();
            }
        }
        match ReadPurpose::Consult.scope(self.remote.load(MARKER)).await {
            Ok(marker) => self.note(Some(&marker)),
            Err(error) if error.code() == ErrorCode::NOT_FOUND => self.note(None),
            // The read itself will tell what is wrong.
            Err(_) => return None,
        }
        self.namespace()
    }

    /// Reads contents: from the cache, or from the remote and then into the cache.
    async fn content(&self, key: &str) -> Result<Bytes> {
        let Some(namespace) = self.look().await else { return self.remote.load(key).await };
        if let Some(object) = self.cache.get(&namespace, key).await {
            return Ok(object);
        }
        let removals = *self.removals.read().await;
        let object = self.remote.load(key).await?;
        self.keep(removals, &namespace, key, &object).await;
        Ok(object)
    }

    /// Puts an object into the cache, unless one was removed since `removals` was read: then this may be it.
    async fn keep(&self, removals: u64, namespace: &Namespace, key: &str, object: &Bytes) {
        let now = self.removals.read().await;
        if *now == removals {
            self.cache.put(namespace, key, object).await;
        }
    }

    /// What became of an object, once the remote has said so.
    async fn gone(&self, key: &str) {
        if key == MARKER {
            self.note(None);
        } else if let Some(namespace) = self.namespace() {
            let mut removals = self.removals.write().await;
            *removals += 1;
            self.cache.evict(&namespace, key).await;
        }
    }
}

impl StorageAdapter for TieredStorage {
    type Config = TieredConfig;

    async fn open(config: TieredConfig) -> Result<Self> {
        config.check()?;
        let cache = Cache::new(&config);
        Ok(Self {
            remote: config.remote,
            cache,
            seen: Mutex::default(),
            looking: AsyncMutex::default(),
            removals: RwLock::default(),
        })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        self.remote.capabilities().await
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        let marker = (key == MARKER).then(|| data.clone());
        let saved = self.remote.save(key, data).await;
        match marker {
            Some(marker) if saved.is_ok() => self.note(Some(&marker)),
            // Whatever was there before, and whether or not it is still there.
            _ => self.gone(key).await,
        }
        saved
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        let removals = *self.removals.read().await;
        self.remote.save_if_absent(key, data.clone()).await?;
        if key == MARKER {
            self.note(Some(&data));
        } else if let Some(namespace) = self.namespace() {
            self.keep(removals, &namespace, key, &data).await;
        }
        Ok(())
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        if ReadPurpose::current() == ReadPurpose::Content && key != MARKER {
            return self.content(key).await;
        }
        let loaded = self.remote.load(key).await;
        match &loaded {
            Ok(marker) if key == MARKER => self.note(Some(marker)),
            Ok(object) => {
                if let Some(namespace) = self.namespace() {
                    self.cache.reconcile(&namespace, key, object).await;
                }
            }
            Err(error) if error.code() == ErrorCode::NOT_FOUND => self.gone(key).await,
            Err(_) => {}
        }
        loaded
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        if ReadPurpose::current() == ReadPurpose::Content
            && key != MARKER
            && let Some(namespace) = self.look().await
            && let Some(object) = self.cache.get(&namespace, key).await
        {
            // Both are at most the object's length, which is a `usize`.
            let end = range.end.min(object.len() as u64) as usize;
            return Ok(object.slice((range.start as usize).min(end)..end));
        }
        self.remote.load_range(key, range).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.remote.exists(key).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        self.remote.stat(key).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let deleted = self.remote.delete(key).await;
        self.gone(key).await;
        deleted
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.remote.list(request).await
    }
}
