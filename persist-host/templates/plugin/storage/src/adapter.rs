//! The adapter over its store.

use std::ops::Range;
use std::sync::Arc;

use persist_plugin_api::{
    Bytes, Capabilities, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter,
    check_key,
};

use crate::config::{{Config}};
use crate::store::Store;

/// Keeps objects in a directory.
pub struct {{Type}} {
    store: Arc<Store>,
}

impl {{Type}} {
    /// Does blocking work on a thread that is there for it. Work that has begun goes on when the host drops the future,
    /// so a write is whole or has not happened.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.map_err(|error| {
            Error::new(ErrorCode::OTHER, "the work did not come to its end").with_source(error)
        })?
    }

    async fn with_key<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Store, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        check_key(key)?;
        let key = key.to_owned();
        self.blocking(move |store| work(store, &key)).await
    }
}

impl StorageAdapter for {{Type}} {
    type Config = {{Config}};

    async fn open(config: {{Config}}) -> Result<Self> {
        Ok(Self { store: Arc::new(Store::new(config.checked_root()?)) })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        // Claim what is true: the host relies on it, and the checks look for what can be seen of it.
        Ok(Capabilities::none()
            .atomic_create(true)
            .durable(true)
            .consistent_list(true)
            .ordered_recursive_list(true))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.with_key(key, move |store, key| store.replace(key, &data)).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        self.with_key(key, move |store, key| store.create(key, &data)).await
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        self.with_key(key, |store, key| store.read(key, 0..u64::MAX)).await
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.with_key(key, |store, key| store.read(key, range)).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        self.with_key(key, |store, key| store.stat(key)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.with_key(key, |store, key| store.remove(key)).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.blocking(move |store| store.list(&request)).await
    }
}
