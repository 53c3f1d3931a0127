//! The adapter over its store.

use std::sync::Arc;

use persist_plugin_api::{
    Bytes, Capabilities, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter, check_key,
};

use crate::config::MemoryConfig;
use crate::shared;
use crate::store::Store;

/// Keeps objects in the memory of the process.
pub struct MemoryStorage {
    store: Arc<Store>,
}

impl StorageAdapter for MemoryStorage {
    type Config = MemoryConfig;

    async fn open(config: MemoryConfig) -> Result<Self> {
        let store = match &config.name {
            Some(name) => shared::store(name, config.max_bytes)?,
            None => Arc::new(Store::new(config.max_bytes)),
        };
        Ok(Self { store })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities::none()
            .atomic_create(true)
            .consistent_list(true)
            .ordered_recursive_list(true)
            .max_object_size(Some(self.store.max_bytes())))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        check_key(key)?;
        self.store.put(key, data, false)
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        check_key(key)?;
        self.store.put(key, data, true)
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        check_key(key)?;
        self.store.get(key)
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        check_key(key)?;
        self.store.stat(key)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_key(key)?;
        self.store.remove(key);
        Ok(())
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        Ok(self.store.list(&request))
    }
}
