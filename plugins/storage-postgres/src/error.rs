//! From the client library's errors to the host's: what happened, to which object, and what to do about it.

mod verdict;

use std::fmt;

use deadpool_postgres::{PoolError, TimeoutType};
use persist_plugin_api::{Error, ErrorCode};
use persist_plugin_network::write_attempt;

use crate::names::Names;
use crate::server::Server;

/// The table and where it is, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    table: String,
    database: String,
    address: String,
}

impl Place {
    pub(crate) fn new(names: &Names, server: &Server) -> Self {
        Self {
            table: format!("{}.{}", names.schema, names.table),
            database: server.database.clone(),
            address: server.address.clone(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} of PostgreSQL database {:?} at {}", self.table, self.database, self.address)
    }
}

/// One attempt at something.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// A verb, such as `write`.
    pub(crate) verb: &'static str,
    /// The key, unless the attempt is about the table.
    pub(crate) key: Option<&'a str>,
    pub(crate) place: &'a Place,
    /// The number of the attempt, from 1 on.
    pub(crate) attempt: u32,
}

impl Call<'_> {
    /// The error for a statement that may have reached the server.
    pub(crate) fn failed(&self, error: tokio_postgres::Error) -> Error {
        verdict::of_statement(&error).into_error(self).with_source(error)
    }

    /// The error for a statement that the server was only asked to prepare, or that changes nothing of interest.
    pub(crate) fn failed_before(&self, error: tokio_postgres::Error) -> Error {
        verdict::of_statement(&error).into_error(self).not_applied(true).with_source(error)
    }

    /// The error for a connection that could not be had: nothing was sent.
    pub(crate) fn no_connection(&self, error: PoolError) -> Error {
        let text = match error {
            PoolError::Backend(error) => {
                return verdict::of_connection(&error).into_error(self).not_applied(true).with_source(error);
            }
            PoolError::Timeout(TimeoutType::Wait) => {
                "no connection became free in time; see pool_size and pool_timeout_ms"
            }
            PoolError::Timeout(_) => "no connection came about in time; see connect_timeout_ms",
            _ => "the pool of connections is closed",
        };
        self.error(ErrorCode::TIMEOUT, text).retryable(true).not_applied(true)
    }

    /// An error that this adapter found itself.
    pub(crate) fn error(&self, code: ErrorCode, finding: &str) -> Error {
        Error::new(code, format!("{self}: {finding}"))
    }
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_attempt(f, self.verb, self.key, self.place)?;
        match self.attempt {
            1 => f.write_str(" (1 attempt)"),
            attempts => write!(f, " ({attempts} attempts)"),
        }
    }
}
