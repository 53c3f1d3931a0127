//! The adapters: one implementation of the trait for all services.

use std::marker::PhantomData;
use std::ops::Range;

use persist_plugin_api::{Bytes, Capabilities, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter};
use serde::de::DeserializeOwned;

use crate::core::{Core, MAX_OBJECT_BYTES};
use crate::read::{bounded, is_absent};

/// The options of an adapter, which know how to connect it.
pub trait Connect: DeserializeOwned + Send + 'static {
    /// Checks the options and prepares a client. Nothing is sent.
    ///
    /// # Errors
    /// [`ErrorCode::CONFIG`](persist_plugin_api::ErrorCode::CONFIG) for options whose values are wrong.
    fn connect(self) -> Result<Core>;
}

/// Keeps objects in a service's container, as the options `C` say.
#[derive(Debug)]
pub struct OpendalStorage<C> {
    core: Core,
    options: PhantomData<fn() -> C>,
}

impl<C: Connect> StorageAdapter for OpendalStorage<C> {
    type Config = C;

    async fn open(config: C) -> Result<Self> {
        Ok(Self { core: config.connect()?, options: PhantomData })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        // The services order a listing by the names that they store, which a few keys do not have; see the module keys.
        Ok(Capabilities::none()
            .atomic_create(self.core.creates().await?)
            .durable(true)
            .consistent_list(true)
            .ordered_recursive_list(false)
            .keeps_versions(self.core.keeps_versions().await?)
            .max_object_size(Some(MAX_OBJECT_BYTES)))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.core.replace(&self.core.root.name(key)?, data).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        self.core.create(&self.core.root.name(key)?, data).await
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        self.core.read(&self.core.root.name(key)?, None).await
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let name = self.core.root.name(key)?;
        match bounded(range, MAX_OBJECT_BYTES) {
            Some(range) => self.core.read(&name, Some(range)).await,
            // A request cannot ask for no bytes, but a missing object must still be an error.
            None => self.core.head(key, &name).await.map(|_| Bytes::new()),
        }
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        self.core.head(key, &self.core.root.name(key)?).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let outcome = self.core.remove(&self.core.root.name(key)?).await;
        if is_absent(&outcome) { Ok(()) } else { outcome }
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.core.list_page(request).await
    }
}
