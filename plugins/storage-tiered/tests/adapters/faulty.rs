//! A store in memory of which single calls go wrong.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use persist_plugin_api::{
    Bytes, Capabilities, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Part, Result, StorageAdapter,
};
use tokio::sync::Semaphore;

use crate::support::Place;

/// What goes wrong.
#[derive(Clone)]
pub(crate) enum Fault {
    /// No answer ever comes.
    Hangs,
    /// It is done, and the answer takes this long.
    Slow(Duration),
    /// It is refused.
    Refused,
    /// It is done, and the answer waits for a permit.
    Held(Arc<Semaphore>),
}

type Wrong = (&'static str, String, Fault);

/// A place with faults. Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Faulty {
    pub(crate) place: Place,
    /// The calls that go wrong: how the method and the key begin.
    faults: Arc<Mutex<Vec<Wrong>>>,
}

impl Faulty {
    pub(crate) fn part(&self) -> Part {
        Part::new(Arc::new(self.clone()))
    }

    /// Has calls go wrong whose method and key begin like this.
    pub(crate) fn fault(&self, method: &'static str, key: &str, fault: Fault) {
        self.faults.lock().unwrap().push((method, key.to_owned(), fault));
    }

    pub(crate) fn mend(&self) {
        self.faults.lock().unwrap().clear();
    }

    async fn call<T>(&self, method: &str, key: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let faults = self.faults.lock().unwrap().clone();
        let mut faults = faults.into_iter();
        match faults.find(|(name, prefix, _)| method.starts_with(name) && key.starts_with(prefix.as_str())) {
            None => call.await,
            Some((_, _, Fault::Hangs)) => {
                // It was called.
                drop(self.place.exists(key).await);
                std::future::pending().await
            }
            Some((_, _, Fault::Refused)) => {
                Err(Error::new(ErrorCode::NO_SPACE, "too large").not_applied(true))
            }
            Some((_, _, Fault::Slow(delay))) => {
                let done = call.await;
                tokio::time::sleep(delay).await;
                done
            }
            Some((_, _, Fault::Held(gate))) => {
                let done = call.await;
                gate.acquire().await.unwrap().forget();
                done
            }
        }
    }
}

impl StorageAdapter for Faulty {
    type Config = ();

    async fn open((): ()) -> Result<Self> {
        Ok(Self::default())
    }
    async fn capabilities(&self) -> Result<Capabilities> {
        self.call("capabilities", "", self.place.capabilities()).await
    }
    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.call("save", key, self.place.save(key, data)).await
    }
    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        self.call("save_if_absent", key, self.place.save_if_absent(key, data)).await
    }
    async fn load(&self, key: &str) -> Result<Bytes> {
        self.call("load", key, self.place.load(key)).await
    }
    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.call("load", key, self.place.load_range(key, range)).await
    }
    async fn exists(&self, key: &str) -> Result<bool> {
        self.call("exists", key, self.place.exists(key)).await
    }
    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        self.call("stat", key, self.place.stat(key)).await
    }
    async fn delete(&self, key: &str) -> Result<()> {
        self.call("delete", key, self.place.delete(key)).await
    }
    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        let prefix = request.prefix.clone();
        self.call("list", &prefix, self.place.list(request)).await
    }
}
