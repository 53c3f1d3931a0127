//! The table: what the server says of it, and the migrations that make it.

use std::sync::atomic::{AtomicBool, Ordering};

use persist_plugin_api::{Error, ErrorCode, Result};
use persist_plugin_network::within;
use tokio_postgres::types::Type;
use tokio_postgres::{IsolationLevel, Row};

use crate::adapter::PostgresStorage;
use crate::error::Call;
use crate::names::Names;
use crate::pool::Effect;

/// The oldest server whose SQL suffices, as the server numbers itself: 12.
const OLDEST_SERVER: i32 = 120_000;

/// What the table's comment says before the number of its version.
const COMMENT: &str = "Persist objects, version ";

/// The statements that lead from each version of the table to the next, the first one from none to 1. What is here has
/// been applied somewhere: a change is a new entry. `{table}` stands for the table's quoted name.
///
/// Keys compare by their bytes, whatever the database's collation. Data is kept out of the row and as it is (it is
/// compressed already), so that a part of it can be read by itself.
const MIGRATIONS: [&str; 1] = ["CREATE TABLE {table} (
    key text COLLATE \"C\" NOT NULL PRIMARY KEY,
    size bigint NOT NULL GENERATED ALWAYS AS (octet_length(data)) STORED,
    modified timestamptz NOT NULL DEFAULT now(),
    data bytea NOT NULL
);
ALTER TABLE {table} ALTER COLUMN data SET STORAGE EXTERNAL"];

const INSPECT: &str = "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'), \
     current_setting('fsync') = 'on', n.oid IS NOT NULL, c.relpersistence::text, obj_description(c.oid, 'pg_class'), \
     pg_is_in_recovery() \
     FROM (SELECT $1::text AS nspname, $2::text AS relname) AS wanted \
     LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.nspname \
     LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.relname";

/// What the server says.
#[derive(Debug)]
pub(crate) struct Found {
    /// The table's version; 0 when there is no table.
    version: usize,
    /// The schema exists.
    schema: bool,
    /// The server flushes what it confirms, and a crash does not empty the table.
    pub(crate) survives_crashes: bool,
    /// The server is a standby: it takes no writes, and shows those of its primary some time later.
    pub(crate) standby: bool,
}

/// What is known of the table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    present: AtomicBool,
}

impl Table {
    /// Whether the table is there, in a version that this adapter knows.
    pub(crate) async fn readable(&self, store: &PostgresStorage, call: &Call<'_>) -> Result<bool> {
        if self.present.load(Ordering::Acquire) {
            return Ok(true);
        }
        let found = inspect(store, call).await?;
        let present = found.version == MIGRATIONS.len();
        if present {
            self.present.store(true, Ordering::Release);
        }
        // An older version has what reading takes.
        Ok(found.version > 0)
    }

    /// Sees to it that the table is there in the present version.
    pub(crate) async fn writable(&self, store: &PostgresStorage, call: &Call<'_>) -> Result<()> {
        if self.present.load(Ordering::Acquire) {
            return Ok(());
        }
        let found = inspect(store, call).await?;
        if found.version < MIGRATIONS.len() {
            if !store.settings.create_table {
                return Err(missing(&store.settings.names, call, &found));
            }
            migrate(store, call).await.map_err(|error| error.not_applied(true))?;
        }
        self.present.store(true, Ordering::Release);
        Ok(())
    }

    /// Asks again next time: a statement did not find the table.
    pub(crate) fn forget(&self) {
        self.present.store(false, Ordering::Release);
    }
}

/// Asks the server about itself and the table.
pub(crate) async fn inspect(store: &PostgresStorage, call: &Call<'_>) -> Result<Found> {
    let names = &store.settings.names;
    let parameters: [crate::pool::Parameter<'_>; 2] =
        [(&names.schema, Type::TEXT), (&names.table, Type::TEXT)];
    let rows = store.connections.run(call, Effect::Reads, INSPECT, &parameters).await?;
    read(call, rows.first())
}

fn read(call: &Call<'_>, row: Option<&Row>) -> Result<Found> {
    let row = row.ok_or_else(|| call.error(ErrorCode::OTHER, "the server did not describe itself"))?;
    let server: i32 = row.try_get(0).map_err(|error| call.failed_before(error))?;
    if server < OLDEST_SERVER {
        let finding =
            format!("the server is PostgreSQL {}; 12 and newer ones are supported", server / 10_000);
        return Err(call.error(ErrorCode::UNSUPPORTED, &finding));
    }
    let encoding: &str = row.try_get(1).map_err(|error| call.failed_before(error))?;
    if encoding != "UTF8" {
        let finding = format!(
            "the database has the encoding {encoding}, which cannot hold every key; use a database that was \
             created with ENCODING 'UTF8'"
        );
        return Err(call.error(ErrorCode::CONFIG, &finding));
    }
    let fsync: bool = row.try_get(2).map_err(|error| call.failed_before(error))?;
    let schema: bool = row.try_get(3).map_err(|error| call.failed_before(error))?;
    let persistence: Option<&str> = row.try_get(4).map_err(|error| call.failed_before(error))?;
    let comment: Option<&str> = row.try_get(5).map_err(|error| call.failed_before(error))?;
    let standby: bool = row.try_get(6).map_err(|error| call.failed_before(error))?;
    let version = if persistence.is_some() { version(call, comment)? } else { 0 };
    let survives_crashes = fsync && persistence.is_none_or(|kind| kind == "p");
    Ok(Found { version, schema, survives_crashes, standby })
}

/// The version that a table's comment tells.
fn version(call: &Call<'_>, comment: Option<&str>) -> Result<usize> {
    let latest = MIGRATIONS.len();
    let told =
        comment.and_then(|comment| comment.strip_prefix(COMMENT)).and_then(|number| number.parse().ok());
    match told {
        Some(version) if version > latest => {
            let finding = format!(
                "the table has version {version}, and this adapter knows versions up to {latest}; use a newer one"
            );
            Err(call.error(ErrorCode::UNSUPPORTED, &finding))
        }
        Some(version) if version > 0 => Ok(version),
        _ => {
            let finding = format!(
                "the table has no comment '{COMMENT}{latest}', so it may be something else's; name another table, or \
                 if a restored dump lost the comment, set it again with COMMENT ON TABLE"
            );
            Err(call.error(ErrorCode::CONFIG, &finding))
        }
    }
}

/// Brings the table to the present version in one transaction. Of many that try at once one does it, under a lock that
/// ends with the transaction, and the others find it done.
async fn migrate(store: &PostgresStorage, call: &Call<'_>) -> Result<()> {
    let names = &store.settings.names;
    let mut lease = store.connections.lease(call).await?;
    let client = lease.client_mut(call)?;
    let migrating = async {
        let failed = |error| call.failed_before(error);
        // Each statement must see what was committed while it waited for the lock.
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::ReadCommitted)
            .start()
            .await
            .map_err(failed)?;
        let lock = format!("persist {}", names.quoted);
        let lock_sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        transaction.query_typed(lock_sql, &[(&lock, Type::TEXT)]).await.map_err(failed)?;
        let parameters: [crate::pool::Parameter<'_>; 2] =
            [(&names.schema, Type::TEXT), (&names.table, Type::TEXT)];
        let rows = transaction.query_typed(INSPECT, &parameters).await.map_err(failed)?;
        let found = read(call, rows.first())?;
        if !found.schema {
            return Err(missing(names, call, &found));
        }
        for sql in statements(names, found.version) {
            transaction.batch_execute(&sql).await.map_err(|error| refused(names, call, &found, error))?;
        }
        transaction.commit().await.map_err(failed)
    };
    let outcome = within(store.connections.limit(), || call.to_string(), migrating).await;
    if outcome.is_err() {
        lease.abandon().await;
    } else {
        lease.give_back();
        tracing::info!(place = %store.place, version = MIGRATIONS.len(), "the table is ready");
    }
    outcome
}

/// The statements that lead from a version to the present one.
fn statements(names: &Names, from: usize) -> impl Iterator<Item = String> {
    MIGRATIONS.iter().enumerate().skip(from).map(|(before, migration)| {
        let table = &names.quoted;
        let migration = migration.replace("{table}", table);
        format!("{migration};\nCOMMENT ON TABLE {table} IS '{COMMENT}{}';", before + 1)
    })
}

/// The error for a table that is not there, or old, and is not to be made.
fn missing(names: &Names, call: &Call<'_>, found: &Found) -> Error {
    if !found.schema {
        let finding = format!(
            "there is no schema {:?}; create it first, with CREATE SCHEMA, and grant the role USAGE and CREATE in it",
            names.schema
        );
        return call.error(ErrorCode::CONTAINER_MISSING, &finding).not_applied(true);
    }
    let state =
        if found.version == 0 { "there is no such table" } else { "the table is of an older version" };
    let finding =
        format!("{state}, and create_table = false; let a role that may do so run\n{}", script(names, found));
    call.error(ErrorCode::CONTAINER_MISSING, &finding).not_applied(true)
}

/// The error for a migration that failed.
fn refused(names: &Names, call: &Call<'_>, found: &Found, error: tokio_postgres::Error) -> Error {
    let denied = error.code() == Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE);
    if !denied {
        return call.failed_before(error);
    }
    let finding =
        format!("the role may not create the table; let one that may do so run\n{}", script(names, found));
    call.error(ErrorCode::PERMISSION_DENIED, &finding).with_source(error)
}

fn script(names: &Names, found: &Found) -> String {
    statements(names, found.version).collect::<Vec<_>>().join("\n")
}

/// The statements that make the table where there is none.
#[cfg(test)]
pub(crate) fn script_of(names: &Names) -> String {
    statements(names, 0).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_in_the_documentation_is_the_one_that_runs() {
        let names = Names::new("public", "persist_objects").unwrap();
        let page = include_str!("../../../docs/backends/postgres.md");
        let script = script_of(&names).replace("\"public\".\"persist_objects\"", "public.persist_objects");
        assert!(page.contains(&script), "the page should have:\n{script}");
    }
}
