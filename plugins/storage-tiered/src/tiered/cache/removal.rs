//! Which copies go, which one stays, and what becomes of one that cannot be removed.

use std::sync::atomic::Ordering;

use persist_plugin_api::{Bytes, Error, ErrorCode, Result};

use super::{Cache, Namespace, name};
use crate::object::Condition;
use crate::tiered::entry::{self, HEADER_BYTES};
use crate::tiered::lru::CopyId;

impl Cache {
    /// Removes the copy of an object that is not there any more, if there is one.
    pub(in crate::tiered) async fn forget(&self, namespace: &Namespace, key: &str) {
        self.remove(&namespace.copy(key), "remove a copy of what is gone").await;
    }

    /// Removes the copy of an object that was just erased or replaced, also while the cache is left alone: it must not stay
    /// here unnoticed. The first that does is warned about.
    pub(in crate::tiered) async fn erase(&self, namespace: &Namespace, key: &str) {
        let id = namespace.copy(key);
        let Err(error) = self.try_remove(&id).await else { return };
        let (copy, code) = (name(&id), error.code().name());
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        if self.left_behind.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                key, copy, code, %error, cause,
                "a copy could not be removed: what was erased from the store stays in the cache on this machine. Empty the cache's \
                 directory once it can be written to. Further copies that stay are logged at the level debug"
            );
        } else {
            tracing::debug!(key, copy, code, %error, cause, "another copy of what was erased stays in the cache");
        }
    }

    /// Removes the copy of an object if it is one of other bytes, unless it is whole and the remote's object is not.
    pub(in crate::tiered) async fn reconcile(&self, namespace: &Namespace, key: &str, object: &Bytes) {
        let id = namespace.copy(key);
        let name = name(&id);
        let header = self.part.load_range(&name, 0..HEADER_BYTES);
        let Some(Ok(header)) = self.call("read a copy", HEADER_BYTES, header).await else {
            return;
        };
        if entry::header_digest(&header) == Some(entry::digest(key, object).await) {
            return;
        }
        let remote = Condition::of(object).await;
        if remote.is_stub() {
            tracing::debug!(
                key,
                "the cache held a copy of a snapshot that a mark took the place of; it is dropped"
            );
        } else if !remote.is_intact() && self.holds_whole(&id, &name, key).await {
            if self.kept.first(&id) {
                tracing::error!(
                    key,
                    remote = remote.name(),
                    "the remote holds an object that is not whole, and the cache on this machine a copy that is; the copy stays. \
                     Restore the snapshots that need it and save them again, or write the object back, before anything is \
                     repaired in the remote"
                );
            }
            return;
        } else {
            tracing::warn!(key, "the cache held a copy that differs from the object; it is dropped");
        }
        self.remove(&id, "remove a copy that differs").await;
    }

    /// Whether there is a copy of an object whose own digests hold.
    async fn holds_whole(&self, id: &CopyId, name: &str, key: &str) -> bool {
        let known = self.lru().bytes_of(id);
        let Some(Ok(entry)) = self.call("read a copy", known, self.part.load(name)).await else {
            return false;
        };
        match entry::decode(key, entry).await {
            Some(copy) => Condition::of(&copy).await.is_intact(),
            None => false,
        }
    }

    /// Removes a copy of what is not needed any more, or was damaged; it is tried also while the cache is left alone.
    pub(super) async fn remove(&self, id: &CopyId, attempt: &str) {
        if let Err(error) = self.try_remove(id).await {
            self.failed(attempt, &error);
        }
    }

    async fn try_remove(&self, id: &CopyId) -> Result<()> {
        self.lru().remove(id);
        let (name, limit) = (name(id), self.patience.removal_limit());
        self.call_within("remove a copy", limit, self.part.delete(&name)).await.unwrap_or_else(|| {
            Err(Error::new(ErrorCode::TIMEOUT, format!("no answer within {} s", limit.as_secs())))
        })
    }
}
