//! A store and copies of it.

mod catch_up;
mod identity;
mod overlap;
mod owed;
mod reads;
mod replica;
mod source;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use persist_plugin_api::{
    Bytes, Capabilities, DynStorage, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Part, Result,
    StorageAdapter,
};

use crate::config::ReplicatedConfig;
use crate::marker::MARKER;
use overlap::{Open, Writes};
use owed::Change;
use reads::CutOff;
use replica::Replica;
use source::Source;

/// Keeps objects in a primary adapter, which alone decides, and verified copies of them in replicas.
pub struct ReplicatedStorage {
    primary: Part,
    replicas: Vec<Replica>,
    replica_timeout: Duration,
    failover_after: Duration,
    cut_off: CutOff,
    writes: Writes,
    /// The marker that the primary was last seen with.
    marker: Mutex<Option<Bytes>>,
}

impl ReplicatedStorage {
    /// Has the primary do a write and, when it has confirmed it, the replicas. Whatever becomes of that, the write is done.
    async fn write(
        &self,
        key: &str,
        change: Change<'_>,
        at_primary: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let write = self.writes.begin(key);
        // Whether a write happened that failed or was given up, only the primary knows, later.
        let mut open = Open { replicas: &self.replicas, key, kind: Some(change.kind()) };
        if let Err(error) = at_primary.await {
            if error.is_not_applied() {
                open.kind = None;
            }
            return Err(error);
        }
        drop(open);
        let (primary, overlapped) = (&*self.primary, write.overlapped());
        join_all(self.replicas.iter().map(|replica| replica.follow(primary, key, change, overlapped))).await;
        Ok(())
    }

    /// The primary's marker, if this process has seen it.
    fn seen_marker(&self) -> Option<Bytes> {
        self.marker.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn saw_marker(&self, key: &str, marker: &Bytes) {
        if key == MARKER {
            *self.marker.lock().unwrap_or_else(PoisonError::into_inner) = Some(marker.clone());
        }
    }

    async fn exists_at<'a>(storage: &'a dyn DynStorage, key: &'a str) -> Result<()> {
        match storage.exists(key).await? {
            true => Ok(()),
            false => Err(Error::not_found(key)),
        }
    }
}

impl StorageAdapter for ReplicatedStorage {
    type Config = ReplicatedConfig;

    async fn open(config: ReplicatedConfig) -> Result<Self> {
        config.check()?;
        let (replica_timeout, failover_after) = config.limits();
        let replicas = config.replicas.into_iter().enumerate();
        let replicas = replicas.map(|(number, part)| Replica::new(number, part, replica_timeout)).collect();
        Ok(Self {
            primary: config.primary,
            replicas,
            replica_timeout,
            failover_after,
            cut_off: CutOff::default(),
            writes: Writes::default(),
            marker: Mutex::default(),
        })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        self.primary.capabilities().await
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        let saving = self.primary.save(key, data.clone());
        self.write(key, Change::Replaced(&data), saving).await?;
        self.saw_marker(key, &data);
        Ok(())
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        let saving = self.primary.save_if_absent(key, data.clone());
        self.write(key, Change::Created(&data), saving).await?;
        self.saw_marker(key, &data);
        Ok(())
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        let owned = key.to_owned();
        let read = self.read(key, move |storage| {
            let key = owned.clone();
            Box::pin(async move { storage.load(&key).await })
        });
        let (source, data) = read.await?;
        if source == Source::Primary {
            self.saw_marker(key, &data);
        }
        Ok(data)
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let owned = key.to_owned();
        self.read(key, move |storage| {
            let (key, range) = (owned.clone(), range.clone());
            Box::pin(async move { storage.load_range(&key, range).await })
        })
        .await
        .map(|(_, found)| found)
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let owned = key.to_owned();
        let found = self.read(key, move |storage| {
            let key = owned.clone();
            Box::pin(async move { Self::exists_at(storage, &key).await })
        });
        match found.await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == ErrorCode::NOT_FOUND => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        let owned = key.to_owned();
        self.read(key, move |storage| {
            let key = owned.clone();
            Box::pin(async move { storage.stat(&key).await })
        })
        .await
        .map(|(_, found)| found)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.write(key, Change::Removed, self.primary.delete(key)).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        let (source, request) = source::of(request)?;
        let page = match source {
            // A listing ends where it began: nobody else knows its continuation.
            Some(Source::Replica(number)) => {
                let replica = self.replicas.get(number).ok_or_else(source::unknown)?;
                return Ok(Source::Replica(number).mark(replica.within(replica.part().list(request)).await?));
            }
            Some(Source::Primary) => return Ok(Source::Primary.mark(self.primary.list(request).await?)),
            None => {
                let prefix = request.prefix.clone();
                self.read(&prefix, move |storage| {
                    let request = request.clone();
                    Box::pin(async move { storage.list(request).await })
                })
                .await?
            }
        };
        let (source, page) = page;
        Ok(source.mark(page))
    }
}
