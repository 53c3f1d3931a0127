//! The copies, in whatever adapter keeps them. Nothing that goes wrong here is an error of the store.

mod removal;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use persist_plugin_api::{Bytes, Error, ErrorCode, ListRequest, Part, ReadPurpose, Result};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex as AsyncMutex;

use super::entry::{self, HEADER_BYTES};
use super::lru::{CopyId, Lru, counted};
use super::patience::Patience;
use super::told::Told;
use crate::config::TieredConfig;

/// What the keys of copies begin with; what does not is not ours and stays.
const PREFIX: &str = "tiered-1-";

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
    /// The copies of erased objects that could not be removed.
    left_behind: AtomicU64,
    patience: Patience,
    /// The copies that were reported as better than the remote's objects.
    kept: Told,
}

/// Which store a copy belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Namespace([u8; 16]);

impl Namespace {
    /// The namespace of the store with this marker.
    pub(crate) fn of_marker(marker: &[u8]) -> Self {
        Self(half(&Sha256::digest(marker).into()))
    }

    /// What the copy of an object is known by. Two objects may have the same: each copy holds a digest over its whole key.
    fn copy(self, key: &str) -> CopyId {
        let mut id = [0; 32];
        id[..16].copy_from_slice(&self.0);
        id[16..].copy_from_slice(&half(&Sha256::digest(key).into()));
        id
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
            left_behind: AtomicU64::new(0),
            patience: Patience::default(),
            kept: Told::default(),
        }
    }

    /// The copy of an object, checked; a damaged one is removed.
    pub(crate) async fn get(&self, namespace: &Namespace, key: &str) -> Option<Bytes> {
        let id = namespace.copy(key);
        let name = name(&id);
        let known = self.lru().bytes_of(&id);
        let entry = match self.call("read a copy", known, self.part.load(&name)).await? {
            Ok(entry) => entry,
            Err(error) => {
                self.lru().remove(&id);
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
            self.remove(&id, "remove a damaged copy").await;
            return None;
        };
        self.lru().used(id, bytes);
        Some(object)
    }

    /// Keeps a copy of an object, and makes room for it before.
    pub(crate) async fn put(&self, namespace: &Namespace, key: &str, object: &Bytes) {
        let bytes = object.len() as u64 + HEADER_BYTES;
        let room = counted(bytes);
        if object.len() as u64 > self.max_object_bytes || room > self.max_bytes || self.patience.rests() {
            return;
        }
        let id = namespace.copy(key);
        let name = name(&id);
        let entry = entry::encode(key, object).await;
        // One at a time: two that make room beside each other would both find enough.
        let mut since_listing = self.since_listing.lock().await;
        if since_listing.is_none_or(|written| written > self.max_bytes / RELIST_PART) {
            if !self.read_listing().await {
                return;
            }
            *since_listing = Some(0);
        }
        self.lru().remove(&id);
        while self.lru().bytes() > self.max_bytes - room {
            let Some(oldest) = self.lru().take_oldest() else { break };
            self.remove(&oldest, "make room").await;
        }
        match self.call("write a copy", bytes, self.part.save(&name, entry)).await {
            Some(Ok(())) => {
                self.lru().used(id, bytes);
                *since_listing = since_listing.map(|written| written.saturating_add(room));
            }
            Some(Err(error)) => self.failed("write a copy", &error),
            None => {}
        }
    }

    /// Learns which copies there are, the longest unwritten as the longest unused.
    async fn read_listing(&self) -> bool {
        let mut found: Vec<(Option<i64>, CopyId, u64)> = Vec::new();
        let mut request = ListRequest::below(PREFIX);
        loop {
            match self.call("list the copies", 0, self.part.list(request.clone())).await {
                Some(Ok(page)) => {
                    let copies = page.objects.into_iter();
                    found.extend(copies.filter_map(|object| {
                        Some((object.modified_unix_ms, id_of(&object.key)?, object.size))
                    }));
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
        found.sort_unstable_by_key(|(modified, ..)| std::cmp::Reverse(*modified));
        let mut lru = self.lru();
        for (_, id, bytes) in found {
            lru.found(id, bytes);
        }
        true
    }

    /// Calls the cache for about so many bytes, whatever the call that it is part of is for. `None` while it is left alone.
    async fn call<T>(
        &self,
        attempt: &str,
        bytes: u64,
        call: impl Future<Output = Result<T>>,
    ) -> Option<Result<T>> {
        if self.patience.rests() {
            return None;
        }
        self.call_within(attempt, self.patience.limit(bytes), call).await
    }

    async fn call_within<T>(
        &self,
        attempt: &str,
        limit: Duration,
        call: impl Future<Output = Result<T>>,
    ) -> Option<Result<T>> {
        let rest = self.patience.rest.as_secs();
        match tokio::time::timeout(limit, ReadPurpose::Decide.scope(call)).await {
            Err(_) => {
                if self.patience.lost() {
                    let seconds = limit.as_secs();
                    tracing::warn!(
                        attempt,
                        seconds,
                        rest,
                        "the cache gives no answer; it is left alone for a while"
                    );
                }
                None
            }
            Ok(answer) => {
                let error = answer.as_ref().err().filter(|error| is_unreachable(error));
                if self.patience.answered(error.is_none()) {
                    let code = error.map(|error| error.code().name());
                    tracing::warn!(
                        attempt,
                        code,
                        rest,
                        "the cache fails again and again; it is left alone for a while"
                    );
                }
                Some(answer)
            }
        }
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

/// Whether an error says that the cache could not be reached, and the next call will take as long.
fn is_unreachable(error: &Error) -> bool {
    [ErrorCode::UNAVAILABLE, ErrorCode::TIMEOUT].contains(&error.code())
}

/// The key of a copy.
fn name(id: &CopyId) -> String {
    let (namespace, object) = id.split_at(16);
    format!("{PREFIX}{}/{}", hex(namespace), hex(object))
}

/// What the copy under a key is known by; `None` for what is none.
fn id_of(name: &str) -> Option<CopyId> {
    let (namespace, object) = name.strip_prefix(PREFIX)?.split_once('/')?;
    let mut id = [0; 32];
    for (half, text) in id.chunks_exact_mut(16).zip([namespace, object]) {
        half.copy_from_slice(&u128::from_str_radix(text, 16).ok()?.to_be_bytes());
    }
    (self::name(&id) == name).then_some(id)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn half(digest: &[u8; 32]) -> [u8; 16] {
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests;
