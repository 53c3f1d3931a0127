//! The options as the user writes them, and the settings that come of them.

use std::path::PathBuf;
use std::time::Duration;

use persist_plugin_api::Result;
use persist_plugin_network::{Retry, RetryOptions, Secret, check_milliseconds, check_number};
use serde::Deserialize;

use crate::names::Names;
use crate::server::Server;
use crate::tls::SslMode;

/// The adapter's options. The crate's page describes them.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// The server, role and database as a URL: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`.
    pub(crate) url: Option<Secret>,
    /// The server's name or address, or the directory of its socket; instead of a URL. `PGHOST` and then `localhost` by default.
    pub(crate) host: Option<String>,
    /// The server's port; instead of a URL. `PGPORT` and then 5432 by default.
    pub(crate) port: Option<u16>,
    /// The database, which must exist; instead of a URL. `PGDATABASE` and then the role's name by default.
    pub(crate) database: Option<String>,
    /// The role to log in as; instead of a URL. `PGUSER` and then the operating system's user by default.
    pub(crate) user: Option<String>,
    /// A file whose first line is the password; without it `PGPASSWORD` and then the password file of libpq are used.
    pub(crate) password_file: Option<PathBuf>,
    /// How the connection is protected; verify-full by default, and prefer for a server on this machine.
    pub(crate) sslmode: Option<SslMode>,
    /// A PEM file with the certificates that may sign the server's, and no others; the system's own by default.
    pub(crate) sslrootcert: Option<PathBuf>,
    /// The schema that holds the table. It must exist.
    #[serde(default = "default_schema")]
    pub(crate) schema: String,
    /// The table that holds the objects.
    #[serde(default = "default_table")]
    pub(crate) table: String,
    /// Create the table before the first write if it is missing.
    #[serde(default = "yes")]
    pub(crate) create_table: bool,
    /// Keep prepared statements in the server's sessions. Only for connections that lead to the server without a pooler:
    /// through one that gives each transaction another session, a name may run another client's statement.
    #[serde(default)]
    pub(crate) prepared_statements: bool,
    /// Call writes durable although the server runs with fsync = off or the table is unlogged.
    #[serde(default)]
    pub(crate) accept_data_loss: bool,
    /// The most connections that are open at once.
    #[serde(default = "default_pool_size")]
    pub(crate) pool_size: usize,
    /// How long a call waits for a connection that others use, in milliseconds.
    #[serde(default = "default_pool_timeout")]
    pub(crate) pool_timeout_ms: u64,
    /// How long a connection may take to come about, with TLS and login, in milliseconds.
    #[serde(default = "default_connect_timeout")]
    pub(crate) connect_timeout_ms: u64,
    /// How long one attempt at a statement may take, with its data, in milliseconds.
    #[serde(default = "default_attempt_timeout")]
    pub(crate) attempt_timeout_ms: u64,
    /// When and how often calls are repeated.
    #[serde(default)]
    pub(crate) retry: RetryOptions,
}

fn default_schema() -> String {
    "public".to_owned()
}

fn default_table() -> String {
    "persist_objects".to_owned()
}

fn yes() -> bool {
    true
}

fn default_pool_size() -> usize {
    8
}

fn default_pool_timeout() -> u64 {
    30_000
}

fn default_connect_timeout() -> u64 {
    10_000
}

fn default_attempt_timeout() -> u64 {
    120_000
}

/// Options that were found sound, in the units that the code works with.
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) names: Names,
    pub(crate) create_table: bool,
    pub(crate) prepared_statements: bool,
    pub(crate) accept_data_loss: bool,
    pub(crate) pool_size: usize,
    pub(crate) pool_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) retry: Retry,
}

impl Settings {
    /// Checks the options. `variable` tells what the environment holds.
    pub(crate) fn new(config: &PostgresConfig, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        check_number("pool_size", config.pool_size as u64, 1..=1000)?;
        Ok(Self {
            names: Names::new(&config.schema, &config.table)?,
            create_table: config.create_table,
            prepared_statements: config.prepared_statements,
            accept_data_loss: config.accept_data_loss,
            pool_size: config.pool_size,
            pool_timeout: check_milliseconds("pool_timeout_ms", config.pool_timeout_ms)?,
            connect_timeout: check_milliseconds("connect_timeout_ms", config.connect_timeout_ms)?,
            attempt_timeout: check_milliseconds("attempt_timeout_ms", config.attempt_timeout_ms)?,
            retry: config.retry.check()?,
            server: Server::new(config, variable)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use persist_plugin_api::ErrorCode;
    use serde_json::{Value, json};

    fn settings(options: Value) -> Result<Settings> {
        let config = serde_json::from_value(options).expect("options of the right types");
        Settings::new(&config, &|_| None)
    }

    #[test]
    fn a_misspelt_option_is_an_error() {
        let error = serde_json::from_value::<PostgresConfig>(json!({"hots": "h"})).unwrap_err();
        assert!(error.to_string().contains("hots"), "{error}");
        serde_json::from_value::<PostgresConfig>(json!({"password": "s"})).unwrap_err();
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        for (option, value) in [
            ("url", json!("mysql://h/d")),
            ("url", json!("postgresql://h:port/d")),
            ("url", json!("postgresql://h/d?sslmode=maybe")),
            ("host", json!("")),
            ("user", json!("")),
            ("database", json!("")),
            ("password_file", json!("/nonexistent")),
            ("schema", json!("")),
            ("table", json!("a\u{0}b")),
            ("table", json!("x".repeat(64))),
            ("pool_size", json!(0)),
            ("pool_timeout_ms", json!(0)),
            ("connect_timeout_ms", json!(0)),
            ("attempt_timeout_ms", json!(0)),
            ("retry", json!({"max_attempts": 0})),
        ] {
            let error =
                settings(json!({option: value})).err().unwrap_or_else(|| panic!("{option} = {value}"));
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().contains(option), "{option}: {error}");
        }
    }

    #[test]
    fn the_schema_is_that_of_the_options() {
        let written: Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let actual = schemars::schema_for!(PostgresConfig).to_value();
        assert_eq!(written, actual, "schema.json should be:\n{actual:#}");
    }
}
