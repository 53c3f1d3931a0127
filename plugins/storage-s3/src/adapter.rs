//! The adapter: state that its parts share, and the trait.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::SharedCredentialsProvider;
use persist_plugin_api::{
    Bytes, Capabilities, ErrorCode, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter,
};
use tokio::sync::OnceCell;

use crate::attempts::Attempts;
use crate::backoff::Backoff;
use crate::client;
use crate::config::{S3Config, Settings};
use crate::error::{Call, Place};

/// The most bytes that the service keeps in one object: 5 TiB.
pub(crate) const MAX_OBJECT_BYTES: u64 = 5 << 40;

/// Keeps objects in a bucket.
pub struct S3Storage {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) place: Place,
    /// Whether an object sent in one piece can be created atomically, once that is known.
    pub(crate) creates_whole: OnceCell<bool>,
    /// The same for an object sent in parts.
    pub(crate) creates_in_parts: OnceCell<bool>,
    /// The bucket was seen to exist.
    pub(crate) bucket_seen: AtomicBool,
    /// An answer named a version of an object: the bucket keeps what is replaced or deleted.
    versions_seen: AtomicBool,
}

impl S3Storage {
    /// Opens the adapter with credentials of the caller's own, in a program that links this crate.
    ///
    /// # Errors
    /// [`ErrorCode::CONFIG`] for options whose values are wrong, or when no region is known.
    pub async fn open_with_credentials(
        config: S3Config,
        credentials: impl Into<Option<SharedCredentialsProvider>>,
    ) -> Result<Self> {
        let shared = client::environment(&Settings::try_from(config.clone())?, credentials.into()).await?;
        // Some defaults depend on whether the service is Amazon's.
        let settings = Settings::try_from(config.or_endpoint(client::configured_endpoint(&shared)))?;
        let (client, place) = client::build(&settings, &shared);
        Ok(Self {
            client,
            settings,
            place,
            creates_whole: OnceCell::new(),
            creates_in_parts: OnceCell::new(),
            bucket_seen: AtomicBool::new(false),
            versions_seen: AtomicBool::new(false),
        })
    }

    pub(crate) fn call<'a>(
        &'a self,
        verb: &'static str,
        key: Option<&'a str>,
        attempts: &'a Attempts,
    ) -> Call<'a> {
        Call { verb, key, place: &self.place, attempts }
    }

    /// Remembers whether an answer to a write or a deletion named a version. Asking the service for the bucket's
    /// versioning would take a permission that few credentials have.
    pub(crate) fn note_version(&self, named: bool) {
        if named {
            self.versions_seen.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(&self.settings)
    }
}

impl StorageAdapter for S3Storage {
    type Config = S3Config;

    async fn open(config: S3Config) -> Result<Self> {
        Self::open_with_credentials(config, None).await
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        // Compatible services order a listing by directory trees, not by the bytes of whole keys.
        Ok(Capabilities::none()
            .atomic_create(self.creates_whole().await?)
            .durable(true)
            .consistent_list(true)
            .ordered_recursive_list(false)
            .keeps_versions(self.versions_seen.load(Ordering::Relaxed))
            .max_object_size(Some(MAX_OBJECT_BYTES)))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.replace(&self.settings.root.object(key)?, data).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        self.create(&self.settings.root.object(key)?, data).await
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        self.read(&self.settings.root.object(key)?, None).await
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let object = self.settings.root.object(key)?;
        let range = range.start..range.end.min(MAX_OBJECT_BYTES);
        if range.is_empty() {
            // A request cannot ask for no bytes, but a missing object must still be an error.
            return self.head(key, &object).await.map(|_| Bytes::new());
        }
        self.read(&object, Some(range)).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        self.head(key, &self.settings.root.object(key)?).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        match self.remove(&self.settings.root.object(key)?).await {
            Err(error) if error.code() == ErrorCode::NOT_FOUND => Ok(()),
            outcome => outcome,
        }
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.list_page(request).await
    }
}
