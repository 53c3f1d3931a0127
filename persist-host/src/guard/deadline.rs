//! A storage adapter around another that gives each call only so much time.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use persist_plugin_api::{BoxFuture, Capabilities, DynStorage, ListPage, ListRequest, ObjectMeta, Result};

use super::limit::Limit;

/// The adapter.
pub(super) struct Deadline {
    inner: Arc<dyn DynStorage>,
    limit: Limit,
}

impl Deadline {
    pub(super) fn new(inner: Arc<dyn DynStorage>, adapter: &str, limit: Duration) -> Self {
        Self { inner, limit: Limit::new(adapter, limit) }
    }

    /// Makes a call that owns all that it needs, so that it can be given up without waiting for it.
    fn call<'a, T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        &'a self,
        operation: impl FnOnce() -> String + Send + 'a,
        call: impl FnOnce(Arc<dyn DynStorage>) -> F,
    ) -> BoxFuture<'a, Result<T>> {
        let call = Box::pin(call(Arc::clone(&self.inner)));
        Box::pin(async move { self.limit.call(operation, call).await? })
    }
}

impl DynStorage for Deadline {
    fn capabilities<'a>(&'a self) -> BoxFuture<'a, Result<Capabilities>> {
        self.call(|| "capabilities".to_owned(), |inner| async move { inner.capabilities().await })
    }

    fn save<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        let owned = key.to_owned();
        self.call(move || format!("save of {key:?}"), |inner| async move { inner.save(&owned, data).await })
    }

    fn save_if_absent<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        let owned = key.to_owned();
        self.call(
            move || format!("save_if_absent of {key:?}"),
            |inner| async move { inner.save_if_absent(&owned, data).await },
        )
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Bytes>> {
        let owned = key.to_owned();
        self.call(move || format!("load of {key:?}"), |inner| async move { inner.load(&owned).await })
    }

    fn load_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        let owned = key.to_owned();
        self.call(
            move || format!("load_range of {key:?}"),
            |inner| async move { inner.load_range(&owned, range).await },
        )
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        let owned = key.to_owned();
        self.call(move || format!("exists of {key:?}"), |inner| async move { inner.exists(&owned).await })
    }

    fn stat<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<ObjectMeta>> {
        let owned = key.to_owned();
        self.call(move || format!("stat of {key:?}"), |inner| async move { inner.stat(&owned).await })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        let owned = key.to_owned();
        self.call(move || format!("delete of {key:?}"), |inner| async move { inner.delete(&owned).await })
    }

    fn list<'a>(&'a self, request: ListRequest) -> BoxFuture<'a, Result<ListPage>> {
        let prefix = request.prefix.clone();
        self.call(move || format!("list of {prefix:?}"), |inner| async move { inner.list(request).await })
    }
}
