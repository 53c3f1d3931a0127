//! The adapter: state that its parts share, and the trait.

use std::ops::Range;

use persist_plugin_api::{
    Bytes, Capabilities, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter,
    check_key,
};
use tokio_postgres::types::Type;

use crate::config::{PostgresConfig, Settings};
use crate::error::{Call, Place};
use crate::pool::{Connections, Effect, Parameter};
use crate::table::{Table, inspect};

/// The largest object. A value of the server ends at 1 GiB, and so does a message, which holds the key as well.
pub(crate) const MAX_OBJECT_BYTES: u64 = (1 << 30) - (1 << 16);

/// Keeps objects in a table.
pub struct PostgresStorage {
    pub(crate) settings: Settings,
    pub(crate) connections: Connections,
    pub(crate) table: Table,
    pub(crate) place: Place,
}

impl PostgresStorage {
    pub(crate) fn call<'a>(&'a self, verb: &'static str, key: Option<&'a str>, attempt: u32) -> Call<'a> {
        Call { verb, key, place: &self.place, attempt }
    }

    /// Writes an object; says whether it did.
    async fn write(&self, call: &Call<'_>, sql: &str, key: &str, data: &Bytes) -> Result<bool> {
        self.table.writable(self, call).await.map_err(|error| error.not_applied(true))?;
        let data: &[u8] = data;
        let parameters: [Parameter<'_>; 2] = [(&key, Type::TEXT), (&data, Type::BYTEA)];
        let rows = self.connections.run(call, Effect::Writes(data.len()), sql, &parameters).await;
        Ok(!self.noticed(rows)?.is_empty())
    }

    /// Runs a statement that reads; `None` when there is no table.
    pub(crate) async fn read(
        &self,
        call: &Call<'_>,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<Vec<tokio_postgres::Row>>> {
        if !self.table.readable(self, call).await? {
            return Ok(None);
        }
        let rows = self.connections.run(call, Effect::Reads, sql, parameters).await;
        self.noticed(rows).map(Some)
    }

    /// Remembers that a table may not be there any more.
    fn noticed<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.inspect_err(|error| {
            if error.is_retryable() {
                self.table.forget();
            }
        })
    }

    /// The bytes that a statement selects of an object.
    async fn bytes(
        &self,
        verb: &'static str,
        key: &str,
        sql: &str,
        range: Option<(i32, i32)>,
    ) -> Result<Bytes> {
        check_key(key)?;
        self.settings
            .retry
            .repeat(verb, async |attempt| {
                let call = self.call(verb, Some(key), attempt);
                let (from, length) = range.unwrap_or_default();
                let parameters: [Parameter<'_>; 3] =
                    [(&key, Type::TEXT), (&from, Type::INT4), (&length, Type::INT4)];
                let used = if range.is_some() { 3 } else { 1 };
                let rows = self.read(&call, sql, parameters.get(..used).unwrap_or_default()).await?;
                let Some(row) = rows.as_ref().and_then(|rows| rows.first()) else {
                    return Err(absent(&call));
                };
                let data: &[u8] = row.try_get(0).map_err(|error| call.failed_before(error))?;
                Ok(Bytes::copy_from_slice(data))
            })
            .await
    }
}

impl StorageAdapter for PostgresStorage {
    type Config = PostgresConfig;

    async fn open(config: PostgresConfig) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let settings = Settings::new(&config, &variable)?;
        Ok(Self {
            connections: Connections::new(&settings)?,
            place: Place::new(&settings.names, &settings.server),
            table: Table::default(),
            settings,
        })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        let found = self
            .settings
            .retry
            .repeat("inspect", async |attempt| inspect(self, &self.call("ask about", None, attempt)).await)
            .await?;
        if !found.survives_crashes {
            tracing::warn!(
                place = %self.place,
                "a crash of the server may lose what it confirmed: it runs with fsync = off, or the table is not a \
                 permanent one"
            );
        }
        if found.standby {
            tracing::warn!(
                place = %self.place,
                "the server is a standby (pg_is_in_recovery), which takes no writes and shows those of its primary late: \
                 objects cannot be created atomically, and listings may be old; connect to the primary"
            );
        }
        Ok(Capabilities::none()
            .atomic_create(!found.standby)
            .durable(found.survives_crashes || self.settings.accept_data_loss)
            .consistent_list(!found.standby)
            .ordered_recursive_list(true)
            .max_object_size(Some(MAX_OBJECT_BYTES)))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        check(key, &data)?;
        let save = async |attempt| {
            let call = self.call("write", Some(key), attempt);
            self.write(&call, &self.settings.names.save, key, &data).await.map(drop)
        };
        self.settings.retry.repeat("save", save).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        check(key, &data)?;
        let create = async |attempt| {
            let call = self.call("create", Some(key), attempt);
            if self.write(&call, &self.settings.names.create, key, &data).await? {
                return Ok(());
            }
            Err(call.error(ErrorCode::ALREADY_EXISTS, "it exists already"))
        };
        self.settings.retry.repeat_unapplied("create", create).await
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        self.bytes("read", key, &self.settings.names.load, None).await
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let start = range.start.min(MAX_OBJECT_BYTES);
        let length = range.end.min(MAX_OBJECT_BYTES).saturating_sub(start);
        // Both are below 2^30, and the server counts from 1.
        let (from, length) = (start as i32 + 1, length as i32);
        self.bytes("read a part of", key, &self.settings.names.load_range, Some((from, length))).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        check_key(key)?;
        let stat = async |attempt| {
            let call = self.call("ask about", Some(key), attempt);
            let rows = self.read(&call, &self.settings.names.stat, &[(&key, Type::TEXT)]).await?;
            let Some(row) = rows.as_ref().and_then(|rows| rows.first()) else {
                return Err(absent(&call));
            };
            let size: i64 = row.try_get(0).map_err(|error| call.failed_before(error))?;
            let modified: i64 = row.try_get(1).map_err(|error| call.failed_before(error))?;
            Ok(ObjectMeta::new(key, size.unsigned_abs()).with_modified_unix_ms(Some(modified)))
        };
        self.settings.retry.repeat("stat", stat).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_key(key)?;
        let delete = async |attempt| {
            let call = self.call("delete", Some(key), attempt);
            if !self.table.readable(self, &call).await? {
                return Ok(());
            }
            let sql = &self.settings.names.delete;
            let rows = self.connections.run(&call, Effect::Writes(0), sql, &[(&key, Type::TEXT)]).await;
            self.noticed(rows).map(drop)
        };
        self.settings.retry.repeat("delete", delete).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.settings.retry.repeat("list", async |attempt| self.list_page(&request, attempt).await).await
    }
}

fn check(key: &str, data: &Bytes) -> Result<()> {
    check_key(key)?;
    if data.len() as u64 > MAX_OBJECT_BYTES {
        let message = format!(
            "cannot write {key:?}: it has {} bytes, and PostgreSQL takes {MAX_OBJECT_BYTES}",
            data.len()
        );
        return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, message).not_applied(true));
    }
    Ok(())
}

fn absent(call: &Call<'_>) -> Error {
    call.error(ErrorCode::NOT_FOUND, "there is no such object")
}
