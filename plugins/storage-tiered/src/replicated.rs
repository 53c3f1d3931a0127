//! A store and copies of it.

mod replica;
mod source;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use persist_plugin_api::{
    BoxFuture, Bytes, Capabilities, DynStorage, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Part,
    ReadPurpose, Request, Result, StorageAdapter,
};

use crate::config::ReplicatedConfig;
use replica::Replica;
use source::Source;

/// Keeps objects in a primary adapter, which alone decides, and verified copies of them in replicas.
pub struct ReplicatedStorage {
    primary: Part,
    replicas: Vec<Replica>,
    failover_after: Duration,
    /// The request that last met a primary that could not be reached; the rest of it asks the replicas at once.
    cut_off: Mutex<Option<Arc<str>>>,
}

/// What became of a read where the primary could not answer.
enum Elsewhere<T> {
    Found(T),
    /// At least one replica answered, and none has it.
    Nowhere(Error),
    /// No replica answered.
    Unreachable,
}

impl ReplicatedStorage {
    /// Reads from the primary or, when it cannot be reached and nothing is decided by the answer, from the first replica that
    /// has the object.
    async fn read<'a, T: Send>(
        &'a self,
        what: &str,
        read: impl Fn(&'a dyn DynStorage) -> BoxFuture<'a, Result<T>>,
    ) -> Result<T> {
        let purpose = ReadPurpose::current();
        if purpose == ReadPurpose::Decide {
            return read(&*self.primary).await;
        }
        let error = match self.ask_primary(|| read(&*self.primary)).await {
            Err(error) if is_unreachable(&error) => error,
            answer => return answer,
        };
        self.note_cut_off(what, &error);
        match self.read_elsewhere(what, &read).await {
            Elsewhere::Found(found) => Ok(found),
            // That there is no manifest after the last is what ends them. Contents that no replica has are missing there,
            // and not in the store.
            Elsewhere::Nowhere(absent) if purpose == ReadPurpose::Consult => Err(absent),
            Elsewhere::Nowhere(_) | Elsewhere::Unreachable => Err(error),
        }
    }

    /// Asks the primary, unless this request found before that it cannot be reached.
    async fn ask_primary<'a, T>(&self, ask: impl FnOnce() -> BoxFuture<'a, Result<T>>) -> Result<T> {
        let request = Request::current().id;
        let cut_off = request.is_some() && *self.cut_off() == request;
        if cut_off {
            return Err(Error::new(ErrorCode::UNAVAILABLE, "the primary could not be reached just before")
                .retryable(true));
        }
        match tokio::time::timeout(self.failover_after, ask()).await {
            Ok(answer) => answer,
            Err(_) => {
                let seconds = self.failover_after.as_secs();
                let message = format!("the primary gave no answer within {seconds} s (failover_after)");
                Err(Error::new(ErrorCode::TIMEOUT, message).retryable(true))
            }
        }
    }

    async fn read_elsewhere<'a, T>(
        &'a self,
        what: &str,
        read: &impl Fn(&'a dyn DynStorage) -> BoxFuture<'a, Result<T>>,
    ) -> Elsewhere<T> {
        let mut absent = None;
        for replica in self.replicas.iter().filter(|replica| !replica.is_foreign()) {
            match replica.within(read(replica.part())).await {
                Ok(found) => return Elsewhere::Found(found),
                Err(error) if error.code() == ErrorCode::NOT_FOUND => absent = Some(error),
                Err(error) => {
                    tracing::warn!(replica = replica.name(), what, %error, "the replica cannot be read either");
                }
            }
        }
        absent.map_or(Elsewhere::Unreachable, Elsewhere::Nowhere)
    }

    /// Warns once for each request, or each read without one.
    fn note_cut_off(&self, what: &str, error: &Error) {
        let request = Request::current().id;
        let mut cut_off = self.cut_off();
        if request.is_none() || *cut_off != request {
            tracing::warn!(
                what, code = error.code().name(), %error,
                "the primary cannot be reached; a replica answers, which may lack the newest"
            );
        }
        *cut_off = request;
    }

    fn cut_off(&self) -> std::sync::MutexGuard<'_, Option<Arc<str>>> {
        self.cut_off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the replicas follow what the primary confirmed. Whatever becomes of that, the write is done.
    async fn follow(&self, key: &str, data: Option<&Bytes>) {
        let primary = &*self.primary;
        join_all(self.replicas.iter().map(|replica| replica.follow(primary, key, data))).await;
    }

    /// What is to be done about the replicas after a write that failed: whether it happened, only the primary knows, later.
    fn leave_open(&self, key: &str, error: &Error) {
        if !error.is_not_applied() {
            self.replicas.iter().for_each(|replica| replica.owe(key));
        }
    }

    async fn exists_at<'a>(storage: &'a dyn DynStorage, key: &'a str) -> Result<()> {
        match storage.exists(key).await? {
            true => Ok(()),
            false => Err(Error::not_found(key)),
        }
    }
}

/// Whether an error says that the backend could not be reached, rather than what it answered.
fn is_unreachable(error: &Error) -> bool {
    [ErrorCode::UNAVAILABLE, ErrorCode::TIMEOUT, ErrorCode::CONTAINER_MISSING].contains(&error.code())
}

impl StorageAdapter for ReplicatedStorage {
    type Config = ReplicatedConfig;

    async fn open(config: ReplicatedConfig) -> Result<Self> {
        config.check()?;
        let (replica_timeout, failover_after) = config.limits();
        let replicas = config.replicas.into_iter().enumerate();
        let replicas = replicas.map(|(number, part)| Replica::new(number, part, replica_timeout)).collect();
        Ok(Self { primary: config.primary, replicas, failover_after, cut_off: Mutex::default() })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        self.primary.capabilities().await
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        let saved = self.primary.save(key, data.clone()).await;
        match &saved {
            Ok(()) => self.follow(key, Some(&data)).await,
            Err(error) => self.leave_open(key, error),
        }
        saved
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        let saved = self.primary.save_if_absent(key, data.clone()).await;
        match &saved {
            Ok(()) => self.follow(key, Some(&data)).await,
            Err(error) => self.leave_open(key, error),
        }
        saved
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        let owned = key.to_owned();
        self.read(key, move |storage| {
            let key = owned.clone();
            Box::pin(async move { storage.load(&key).await })
        })
        .await
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let owned = key.to_owned();
        self.read(key, move |storage| {
            let (key, range) = (owned.clone(), range.clone());
            Box::pin(async move { storage.load_range(&key, range).await })
        })
        .await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let owned = key.to_owned();
        let found = self.read(key, move |storage| {
            let key = owned.clone();
            Box::pin(async move { Self::exists_at(storage, &key).await })
        });
        match found.await {
            Ok(()) => Ok(true),
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
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let deleted = self.primary.delete(key).await;
        match &deleted {
            Ok(()) => self.follow(key, None).await,
            Err(error) => self.leave_open(key, error),
        }
        deleted
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
            None if ReadPurpose::current() == ReadPurpose::Decide => self.primary.list(request.clone()).await,
            None => self.ask_primary(|| self.primary.list(request.clone())).await,
        };
        let error = match page {
            Err(error) if is_unreachable(&error) && ReadPurpose::current() != ReadPurpose::Decide => error,
            page => return page.map(|page| Source::Primary.mark(page)),
        };
        self.note_cut_off(&request.prefix, &error);
        for (number, replica) in self.replicas.iter().enumerate().filter(|(_, replica)| !replica.is_foreign())
        {
            match replica.within(replica.part().list(request.clone())).await {
                Ok(page) => return Ok(Source::Replica(number).mark(page)),
                Err(error) => {
                    tracing::warn!(replica = replica.name(), %error, "the replica cannot be listed either");
                }
            }
        }
        Err(error)
    }
}
