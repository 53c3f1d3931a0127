//! A cache in front of a store.

mod cache;
mod entry;
mod flights;
mod looks;
mod lru;
mod patience;
mod told;

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use persist_plugin_api::{
    Bytes, Capabilities, ErrorCode, ListPage, ListRequest, ObjectMeta, Part, ReadPurpose, Request, Result,
    StorageAdapter,
};

use crate::config::TieredConfig;
use crate::marker::MARKER;
use cache::{Cache, Namespace};
use flights::{Flight, Flights};
use looks::Looks;
pub(crate) use lru::LEAST_BYTES;

/// Keeps objects in a remote adapter, and copies of them in a cache that answers reads of contents.
pub struct TieredStorage {
    remote: Part,
    cache: Cache,
    /// Which store the remote was last seen to hold.
    seen: Mutex<Option<Namespace>>,
    looks: Looks,
    flights: Flights,
}

/// Who removed an object.
#[derive(Clone, Copy)]
enum By {
    ThisProcess,
    Others,
}

impl TieredStorage {
    fn seen(&self) -> MutexGuard<'_, Option<Namespace>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn namespace(&self) -> Option<Namespace> {
        *self.seen()
    }

    /// Notes the store that the remote holds, for the request that has just found it.
    fn note(&self, marker: Option<&[u8]>) {
        let namespace = marker.map(Namespace::of_marker);
        self.looks.found(Request::current().id, Instant::now(), namespace);
        *self.seen() = namespace;
    }

    /// Looks which store the remote holds, once for each request: copies of one that was there before are not of this one.
    async fn look(&self) -> Option<Namespace> {
        let look = self.looks.of(Request::current().id, Instant::now());
        let found = look.get_or_try_init(|| async {
            let namespace = match ReadPurpose::Consult.scope(self.remote.load(MARKER)).await {
                Ok(marker) => Some(Namespace::of_marker(&marker)),
                Err(error) if error.code() == ErrorCode::NOT_FOUND => None,
                // The read itself will tell what is wrong.
                Err(error) => return Err(error),
            };
            *self.seen() = namespace;
            Ok(namespace)
        });
        found.await.ok().copied().flatten()
    }

    /// Reads contents: from the cache, or from the remote and then into the cache.
    async fn content(&self, key: &str) -> Result<Bytes> {
        let Some(namespace) = self.look().await else { return self.remote.load(key).await };
        if let Some(object) = self.cache.get(&namespace, key).await {
            return Ok(object);
        }
        let flight = self.flights.begin(key);
        let removals = *flight.removals.read().await;
        let object = self.remote.load(key).await?;
        self.keep(&flight, removals, &namespace, key, &object).await;
        Ok(object)
    }

    /// Puts an object into the cache, unless it was removed or replaced since `removals` was read.
    async fn keep(
        &self,
        flight: &Flight<'_>,
        removals: u64,
        namespace: &Namespace,
        key: &str,
        object: &Bytes,
    ) {
        // Whoever removes it waits until the copy is there, and removes that as well.
        let now = flight.removals.read().await;
        if *now == removals {
            self.cache.put(namespace, key, object).await;
        }
    }

    /// What became of an object, once the remote has said so: this process had it removed or replaced, or found it gone.
    async fn gone(&self, key: &str, by: By) {
        if key == MARKER {
            self.note(None);
        } else if let Some(namespace) = self.namespace() {
            let flight = self.flights.begin(key);
            let mut removals = flight.removals.write().await;
            *removals += 1;
            match by {
                By::ThisProcess => self.cache.erase(&namespace, key).await,
                By::Others => self.cache.forget(&namespace, key).await,
            }
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
            looks: Looks::default(),
            flights: Flights::default(),
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
            _ => self.gone(key, By::ThisProcess).await,
        }
        saved
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        let flight = self.flights.begin(key);
        let removals = *flight.removals.read().await;
        self.remote.save_if_absent(key, data.clone()).await?;
        if key == MARKER {
            self.note(Some(&data));
        } else if let Some(namespace) = self.namespace() {
            self.keep(&flight, removals, &namespace, key, &data).await;
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
            Err(error) if error.code() == ErrorCode::NOT_FOUND => self.gone(key, By::Others).await,
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
        self.gone(key, By::ThisProcess).await;
        deleted
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.remote.list(request).await
    }
}
