//! The copies, in whatever adapter keeps them. Nothing that goes wrong here is an error of the store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use persist_plugin_api::{Bytes, Error, ErrorCode, ListRequest, ObjectMeta, Part, ReadPurpose, Result};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex as AsyncMutex;

use super::entry::{self, HEADER_BYTES};
use super::lru::Lru;
use crate::config::TieredConfig;

/// What the keys of copies begin with; what does not is not ours and stays.
const PREFIX: &str = "tiered-1-";

/// How long one call of the cache may take. A cache that is slower is no help, and is left alone from then on.
const PATIENCE: Duration = Duration::from_secs(30);

/// After how many written bytes, as a part of the bound, the listing is read again for what other processes wrote.
const RELIST_PART: u64 = 8;

/// The copies of objects.
pub(crate) struct Cache {
    part: Part,
    max_bytes: u64,
    max_object_bytes: u64,
    lru: Mutex<Lru>,
    /// The bytes written since the listing was read; `None` before it was.
    since_listing: AsyncMutex<Option<u64>>,
    failures: AtomicU64,
    given_up: AtomicBool,
}

/// Which store a copy belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespace(String);

impl Namespace {
    /// The namespace of the store with this marker.
    pub(crate) fn of_marker(marker: &[u8]) -> Self {
        Self(hex(&Sha256::digest(marker)[..16]))
    }

    /// The key of the copy of an object.
    fn name(&self, key: &str) -> String {
        format!("{PREFIX}{}/{}", self.0, hex(&Sha256::digest(key)))
    }
}

impl Cache {
    pub(crate) fn new(config: &TieredConfig) -> Self {
        Self {
            part: config.cache.clone(),
            max_bytes: config.max_bytes,
            max_object_bytes: config.max_object_bytes.unwrap_or(u64::MAX).min(config.max_bytes),
            lru: Mutex::default(),
            since_listing: AsyncMutex::default(),
            failures: AtomicU64::new(0),
            given_up: AtomicBool::new(false),
        }
    }

    /// The copy of an object, checked; a damaged one is removed.
    pub(crate) async fn get(&self, namespace: &Namespace, key: &str) -> Option<Bytes> {
        let name = namespace.name(key);
        let entry = match self.call("read a copy", self.part.load(&name)).await? {
            Ok(entry) => entry,
            Err(error) => {
                self.lru().remove(&name);
                if error.code() != ErrorCode::NOT_FOUND {
                    self.failed("read a copy", &error);
                }
                return None;
            }
        };
        let bytes = entry.len() as u64;
        let Some(object) = entry::decode(key, entry).await else {
            tracing::warn!(
                key,
                bytes,
                "the cache held a damaged copy; it is dropped and the object fetched again"
            );
            self.remove(&name).await;
            return None;
        };
        self.lru().used(&name, bytes);
        Some(object)
    }

    /// Keeps a copy of an object, and makes room for it before.
    pub(crate) async fn put(&self, namespace: &Namespace, key: &str, object: &Bytes) {
        let bytes = object.len() as u64 + HEADER_BYTES;
        if object.len() as u64 > self.max_object_bytes || bytes > self.max_bytes || self.has_given_up() {
            return;
        }
        let name = namespace.name(key);
        let entry = entry::encode(key, object).await;
        // One at a time: two that make room beside each other would both find enough.
        let mut since_listing = self.since_listing.lock().await;
        if since_listing.is_none_or(|written| written > self.max_bytes / RELIST_PART) {
            if !self.read_listing().await {
                return;
            }
            *since_listing = Some(0);
        }
        self.lru().remove(&name);
        while self.lru().bytes() > self.max_bytes - bytes {
            let Some(oldest) = self.lru().take_oldest() else { break };
            self.remove(&oldest).await;
        }
        match self.call("write a copy", self.part.save(&name, entry)).await {
            Some(Ok(())) => {
                self.lru().used(&name, bytes);
                *since_listing = since_listing.map(|written| written.saturating_add(bytes));
            }
            Some(Err(error)) => self.failed("write a copy", &error),
            None => {}
        }
    }

    /// Removes the copy of an object, if there is one.
    pub(crate) async fn evict(&self, namespace: &Namespace, key: &str) {
        self.remove(&namespace.name(key)).await;
    }

    /// Removes the copy of an object if it is one of other bytes.
    pub(crate) async fn reconcile(&self, namespace: &Namespace, key: &str, object: &Bytes) {
        let name = namespace.name(key);
        let Some(Ok(header)) = self.call("read a copy", self.part.load_range(&name, 0..HEADER_BYTES)).await
        else {
            return;
        };
        if entry::header_digest(&header) != Some(entry::digest(key, object).await) {
            tracing::warn!(key, "the cache held a copy that differs from the object; it is dropped");
            self.remove(&name).await;
        }
    }

    async fn remove(&self, name: &str) {
        self.lru().remove(name);
        if let Some(Err(error)) = self.call("remove a copy", self.part.delete(name)).await {
            self.failed("remove a copy", &error);
        }
    }

    /// Learns which copies there are, the longest unwritten as the longest unused.
    async fn read_listing(&self) -> bool {
        let mut found: Vec<ObjectMeta> = Vec::new();
        let mut request = ListRequest::below(PREFIX);
        loop {
            match self.call("list the copies", self.part.list(request.clone())).await {
                Some(Ok(page)) => {
                    found.extend(page.objects);
                    if page.next.is_none() {
                        break;
                    }
                    request = request.continued(page.next);
                }
                Some(Err(error)) => {
                    self.failed("list the copies", &error);
                    return false;
                }
                None => return false,
            }
        }
        found.sort_by_key(|object| object.modified_unix_ms);
        let mut lru = self.lru();
        for object in found {
            if !lru.knows(&object.key) {
                lru.used(&object.key, object.size);
            }
        }
        true
    }

    /// Calls the cache, whatever the call that it is part of is for. `None` once it was too slow.
    async fn call<T>(&self, attempt: &str, call: impl Future<Output = Result<T>>) -> Option<Result<T>> {
        if self.has_given_up() {
            return None;
        }
        let limited = tokio::time::timeout(PATIENCE, ReadPurpose::Decide.scope(call)).await;
        if limited.is_err() && !self.given_up.swap(true, Ordering::Relaxed) {
            let seconds = PATIENCE.as_secs();
            tracing::warn!(attempt, seconds, "the cache gives no answer; this process goes on without it");
        }
        limited.ok()
    }

    fn has_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Tells of the first failure, and of the others to whoever looks closely.
    fn failed(&self, attempt: &str, error: &Error) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let (code, cause) = (error.code().name(), std::error::Error::source(error).map(ToString::to_string));
        if failures == 1 {
            tracing::warn!(
                attempt, code, %error, cause,
                "the cache failed; nothing is lost, but objects are fetched that need not be. Further failures are \
                 logged at the level debug"
            );
        } else {
            tracing::debug!(attempt, code, %error, cause, failures, "the cache failed");
        }
    }

    fn lru(&self) -> MutexGuard<'_, Lru> {
        self.lru.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
