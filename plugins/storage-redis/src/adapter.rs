//! The adapter: state that its parts share, and the trait.

use std::future::Future;
use std::ops::Range;

use persist_plugin_api::{Bytes, Capabilities, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter};
use persist_plugin_network::within;
use tokio::sync::OnceCell;

use crate::config::{RedisConfig, Settings};
use crate::error::{Call, Failure, Place};
use crate::keys::Layout;
use crate::link::Link;

/// The most bytes that Redis keeps in one string: 512 MiB.
pub(crate) const MAX_OBJECT_BYTES: u64 = 512 << 20;

/// Keeps objects in Redis.
pub struct RedisStorage {
    pub(crate) link: Link,
    pub(crate) layout: Layout,
    pub(crate) settings: Settings,
    pub(crate) place: Place,
    /// The server was found fit to be written to; whether what it acknowledges is durable.
    pub(crate) durable: OnceCell<bool>,
}

impl RedisStorage {
    pub(crate) fn call<'a>(&'a self, verb: &'static str, key: Option<&'a str>) -> Call<'a> {
        Call { verb, key, place: &self.place }
    }

    /// Runs one attempt within its time.
    pub(crate) async fn attempt<T>(
        &self,
        call: Call<'_>,
        request: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T> {
        let request = async { request.await.map_err(|failure| call.failed(failure)) };
        within(self.settings.request_timeout, || call.to_string(), request).await
    }
}

impl StorageAdapter for RedisStorage {
    type Config = RedisConfig;

    async fn open(config: RedisConfig) -> Result<Self> {
        let settings = Settings::try_from(config)?;
        let place = Place {
            server: settings.address.to_string(),
            prefix: settings.prefix.clone(),
            cluster: settings.cluster,
            tls: settings.address.certificates.is_some(),
        };
        Ok(Self {
            link: Link::new(&settings)?,
            layout: Layout::new(settings.prefix.clone()),
            settings,
            place,
            durable: OnceCell::new(),
        })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities::none()
            .atomic_create(true)
            .durable(self.examined().await?)
            .consistent_list(true)
            .ordered_recursive_list(true)
            .max_object_size(Some(MAX_OBJECT_BYTES)))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.replace(key, &data).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        self.create(key, &data).await
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        self.read(key).await
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.read_range(key, range).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        self.measure(key).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.remove(key).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.list_page(&request).await
    }
}
