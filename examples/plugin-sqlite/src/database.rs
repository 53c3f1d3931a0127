//! The database: one table, a row for each object.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use persist_plugin_api::{Bytes, Error, ErrorCode, ObjectMeta, Result};
use rusqlite::{Connection, ErrorCode as Code, OpenFlags, OptionalExtension as _, Row, params};

use crate::error::failed;

/// The largest object in bytes: SQLite's bound for a row, without what the key takes.
pub(crate) const MAX_OBJECT_SIZE: u64 = 1_000_000_000 - 10_000;

/// How long to wait before the next attempt to switch modes.
const RETRY: Duration = Duration::from_millis(5);

/// Keys are compared byte by byte (`BINARY`, the default for TEXT), and without row ids the table is its index.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY NOT NULL,
    size INTEGER NOT NULL,
    data BLOB NOT NULL
) WITHOUT ROWID";

/// A database file and the idle connections to it. Calls side by side take one each, so readers do not wait.
pub(crate) struct Database {
    path: PathBuf,
    wait: Duration,
    idle: Mutex<Vec<Connection>>,
    /// Writers of this process queue here: one that finds SQLite's own lock taken sleeps and asks again.
    writing: Mutex<()>,
}

impl Database {
    /// Opens nothing yet, and writes nothing.
    pub(crate) fn new(path: &Path, wait: Duration) -> Self {
        Self { path: path.to_owned(), wait, idle: Mutex::default(), writing: Mutex::default() }
    }

    /// Writes an object in place of one that may be there.
    pub(crate) fn replace(&self, key: &str, data: &[u8]) -> Result<()> {
        self.check_size(key, data)?;
        const SQL: &str = "INSERT INTO objects VALUES (?1, ?2, ?3)
            ON CONFLICT (key) DO UPDATE SET size = excluded.size, data = excluded.data";
        self.write("write", key, |connection| {
            connection.prepare_cached(SQL)?.execute(params![key, data.len() as i64, data]).map(drop)
        })
    }

    /// Writes an object if its key is free.
    pub(crate) fn create(&self, key: &str, data: &[u8]) -> Result<()> {
        self.check_size(key, data)?;
        const SQL: &str = "INSERT INTO objects VALUES (?1, ?2, ?3) ON CONFLICT (key) DO NOTHING";
        let created = self.write("write", key, |connection| {
            connection.prepare_cached(SQL)?.execute(params![key, data.len() as i64, data])
        })?;
        // What another transaction wrote was durable before this one could see it.
        if created == 1 { Ok(()) } else { Err(Error::already_exists(key)) }
    }

    /// Reads a part of an object; a range beyond the end is cut there.
    pub(crate) fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        // SQLite counts bytes from 1. Beyond its largest object there is nothing to count.
        let start = range.start.min(MAX_OBJECT_SIZE + 1);
        let length = range.end.saturating_sub(start).min(MAX_OBJECT_SIZE + 1);
        let found: Option<Vec<u8>> = self.look("read", key, |connection| {
            let sql = "SELECT substr(data, ?2, ?3) FROM objects WHERE key = ?1";
            let arguments = params![key, start as i64 + 1, length as i64];
            // A part of no bytes is NULL.
            let part = |row: &Row<'_>| row.get::<_, Option<Vec<u8>>>(0).map(Option::unwrap_or_default);
            connection.prepare_cached(sql)?.query_row(arguments, part).optional()
        })?;
        found.map(Bytes::from).ok_or_else(|| Error::not_found(key))
    }

    pub(crate) fn stat(&self, key: &str) -> Result<ObjectMeta> {
        let found: Option<i64> = self.look("look at", key, |connection| {
            let sql = "SELECT size FROM objects WHERE key = ?1";
            connection.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()
        })?;
        let size = found.ok_or_else(|| Error::not_found(key))?;
        Ok(ObjectMeta::new(key, size.unsigned_abs()))
    }

    /// Removes an object; one that is not there is no error.
    pub(crate) fn remove(&self, key: &str) -> Result<()> {
        if !self.is_there("remove", key)? {
            return Ok(());
        }
        self.write("remove", key, |connection| {
            connection.prepare_cached("DELETE FROM objects WHERE key = ?1")?.execute([key]).map(drop)
        })
    }

    /// Asks the database something; `T`'s default is the answer while there is no database.
    pub(crate) fn look<T: Default>(
        &self,
        verb: &str,
        what: &str,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        if !self.is_there(verb, what)? {
            return Ok(T::default());
        }
        self.with_connection(question).map_err(|error| failed(verb, what, error))
    }

    /// Whether there is a database. A directory that cannot be looked into is an error, never "no".
    fn is_there(&self, verb: &str, what: &str) -> Result<bool> {
        self.path.try_exists().map_err(|error| {
            let message = format!("cannot {verb} {what:?}: the SQLite database cannot be looked for");
            Error::new(ErrorCode::PERMISSION_DENIED, message).with_source(error)
        })
    }

    fn write<T>(
        &self,
        verb: &str,
        key: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.with_connection(work).map_err(|error| failed(verb, key, error))
    }

    /// Runs one statement, which is a transaction of its own, on a connection that nobody else uses meanwhile.
    fn with_connection<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| self.connect(), Ok)?;
        let result = work(&connection);
        if result.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        result
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        // First of all: the statements below may meet other writers, too.
        connection.busy_timeout(self.wait)?;
        self.write_ahead(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        connection.execute(SCHEMA, [])?;
        Ok(connection)
    }

    /// Switches the database to write-ahead mode, once for its life. SQLite does not wait for others who do the same.
    fn write_ahead(&self, connection: &Connection) -> rusqlite::Result<()> {
        let deadline = Instant::now() + self.wait;
        loop {
            match connection.pragma_update(None, "journal_mode", "WAL") {
                Err(error) if is_busy(&error) && Instant::now() < deadline => thread::sleep(RETRY),
                switched => return switched,
            }
        }
    }

    fn check_size(&self, key: &str, data: &[u8]) -> Result<()> {
        if data.len() as u64 <= MAX_OBJECT_SIZE {
            return Ok(());
        }
        let message =
            format!("cannot write {key:?} of {} bytes: SQLite holds at most {MAX_OBJECT_SIZE}", data.len());
        Err(Error::new(ErrorCode::INVALID_ARGUMENT, message))
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(Code::DatabaseBusy | Code::DatabaseLocked))
}
