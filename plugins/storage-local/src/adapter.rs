//! The adapter: each call one hop to a blocking thread.

use std::ops::Range;
use std::sync::Arc;

use persist_plugin_api::{Bytes, Capabilities, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter};

use crate::blocking::blocking;
use crate::config::LocalConfig;
use crate::path::check;
use crate::store::Store;
use crate::write::Existing;

/// Keeps objects in a directory of the local file system.
pub struct LocalStorage {
    store: Arc<Store>,
}

impl LocalStorage {
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = Arc::clone(&self.store);
        blocking(move || call(&store)).await
    }

    async fn call_with_key<T: Send + 'static>(
        &self,
        key: &str,
        call: impl FnOnce(&Store, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        check(key)?;
        let key = key.to_owned();
        self.call(move |store| call(store, &key)).await
    }
}

impl StorageAdapter for LocalStorage {
    type Config = LocalConfig;

    async fn open(config: LocalConfig) -> Result<Self> {
        let store = blocking(move || Store::open(config)).await?;
        Ok(Self { store: Arc::new(store) })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities::none()
            .atomic_create(true)
            // Files outlive the process in any case; `fsync = false` is the user's own word against a crash.
            .durable(true)
            .consistent_list(true)
            .ordered_recursive_list(true))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.call_with_key(key, move |store, key| store.write(key, &data, Existing::Replace)).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        self.call_with_key(key, move |store, key| store.write(key, &data, Existing::Keep)).await
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        self.call_with_key(key, Store::read).await
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.call_with_key(key, move |store, key| store.read_range(key, range)).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        self.call_with_key(key, Store::stat).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.call_with_key(key, |store, key| Ok(store.remove(key)?)).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.call(move |store| store.list(&request)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn temporary_files_with_names_pass_every_check() {
        let root = tempfile::tempdir().unwrap();
        let mut store = Store::open(LocalConfig::new(root.path())).unwrap();
        store.nameless = false;
        persist_plugin_testkit::run_storage(&LocalStorage { store: Arc::new(store) }).await;
    }
}
