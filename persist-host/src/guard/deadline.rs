//! A storage adapter around another that gives each call only so much time.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use persist_plugin_api::{
    BoxFuture, Capabilities, DynStorage, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result,
};

/// The adapter.
pub(super) struct Deadline {
    inner: Arc<dyn DynStorage>,
    adapter: String,
    limit: Duration,
}

impl Deadline {
    pub(super) fn new(inner: Arc<dyn DynStorage>, adapter: &str, limit: Duration) -> Self {
        Self { inner, adapter: adapter.to_owned(), limit }
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T>>,
        operation: impl FnOnce() -> String,
    ) -> Result<T> {
        match within(self.limit, call).await {
            Some(answer) => answer,
            None => Err(missed(&self.adapter, &operation(), self.limit)),
        }
    }
}

/// Waits for a call for no longer than `limit`, then drops it and returns `None`.
pub(crate) async fn within<T>(limit: Duration, call: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, call).await.ok()
}

/// The error of a call that was dropped. It leaves open whether a write was applied: one that has reached the backend,
/// or a thread of the plugin's, goes on without its future.
pub(crate) fn missed(adapter: &str, operation: &str, limit: Duration) -> Error {
    let seconds = limit.as_secs_f64();
    let message =
        format!("{adapter} did not answer {operation} within {seconds} s, the call_timeout of its store");
    Error::new(ErrorCode::TIMEOUT, message).retryable(true)
}

impl DynStorage for Deadline {
    fn capabilities<'a>(&'a self) -> BoxFuture<'a, Result<Capabilities>> {
        Box::pin(self.call(self.inner.capabilities(), || "capabilities".to_owned()))
    }

    fn save<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.call(self.inner.save(key, data), move || format!("save of {key:?}")))
    }

    fn save_if_absent<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        Box::pin(
            self.call(self.inner.save_if_absent(key, data), move || format!("save_if_absent of {key:?}")),
        )
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(self.call(self.inner.load(key), move || format!("load of {key:?}")))
    }

    fn load_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(self.call(self.inner.load_range(key, range), move || format!("load_range of {key:?}")))
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.call(self.inner.exists(key), move || format!("exists of {key:?}")))
    }

    fn stat<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<ObjectMeta>> {
        Box::pin(self.call(self.inner.stat(key), move || format!("stat of {key:?}")))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.call(self.inner.delete(key), move || format!("delete of {key:?}")))
    }

    fn list<'a>(&'a self, request: ListRequest) -> BoxFuture<'a, Result<ListPage>> {
        let prefix = request.prefix.clone();
        Box::pin(self.call(self.inner.list(request), move || format!("list of {prefix:?}")))
    }
}
