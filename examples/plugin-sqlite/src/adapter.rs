//! The adapter over its database.

use std::ops::Range;
use std::sync::Arc;

use persist_plugin_api::{
    Bytes, Capabilities, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter,
    check_key,
};

use crate::config::SqliteConfig;
use crate::database::{Database, MAX_OBJECT_SIZE};

/// Keeps objects in one SQLite database.
pub struct Sqlite {
    database: Arc<Database>,
}

impl Sqlite {
    /// Does blocking work on a thread that is there for it. A transaction that has begun goes on when the host drops the
    /// future, so a write is whole or has not happened.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let database = Arc::clone(&self.database);
        let done = tokio::task::spawn_blocking(move || work(&database)).await;
        done.map_err(|error| {
            Error::new(ErrorCode::OTHER, "the work did not come to its end").with_source(error)
        })?
    }

    async fn with_key<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Database, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        check_key(key)?;
        let key = key.to_owned();
        self.blocking(move |database| work(database, &key)).await
    }
}

impl StorageAdapter for Sqlite {
    type Config = SqliteConfig;

    async fn open(config: SqliteConfig) -> Result<Self> {
        Ok(Self { database: Arc::new(Database::new(config.checked_path()?, config.wait())) })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities::none()
            .atomic_create(true)
            .durable(true)
            .consistent_list(true)
            .ordered_recursive_list(true)
            .max_object_size(Some(MAX_OBJECT_SIZE)))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.with_key(key, move |database, key| database.replace(key, &data)).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        self.with_key(key, move |database, key| database.create(key, &data)).await
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        self.with_key(key, |database, key| database.read(key, 0..u64::MAX)).await
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.with_key(key, |database, key| database.read(key, range)).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        self.with_key(key, |database, key| database.stat(key)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.with_key(key, |database, key| database.remove(key)).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.blocking(move |database| database.list(&request)).await
    }
}
