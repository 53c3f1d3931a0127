//! Keeps Persist objects in PostgreSQL, version 12 or newer.
//!
//! ```toml
//! [stores.main]
//! storage = { adapter = "postgres", url = "${PERSIST_DATABASE_URL}" }
//!
//! [stores.lab]
//! storage = { adapter = "postgres", host = "127.0.0.1", database = "lab", user = "me", table = "snapshots" }
//! ```
//!
//! # Options
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `url` | none | `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…&sslrootcert=…` |
//! | `host`, `port`, `database`, `user` | from libpq's variables | Instead of a URL. |
//! | `password_file` | `PGPASSWORD`, else libpq's password file | A file whose first line is the password. |
//! | `sslmode` | `verify-full`; on this machine `prefer` | `disable`, `prefer`, `require`, `verify-ca` or `verify-full`. |
//! | `sslrootcert` | the system's certificates | A PEM file with the only certificates that may have signed the server's. |
//! | `schema` | `public` | The schema of the table; it must exist. |
//! | `table` | `persist_objects` | The table. |
//! | `create_table` | `true` | Create the table before the first write. |
//! | `prepared_statements` | `false` | Name statements in sessions. Never behind a pooler: another client's statement may bear the name. |
//! | `accept_data_loss` | `false` | Call writes durable on a server that runs with `fsync = off`, or in an unlogged table. |
//! | `pool_size` | 8 | The most connections; 1 to 1000. |
//! | `pool_timeout_ms` | 30000 | How long a call waits for a connection that others use. |
//! | `connect_timeout_ms` | 10000 | How long a connection may take to come about. |
//! | `attempt_timeout_ms` | 120000 | How long one attempt at a statement may take. |
//! | `retry` | `{}` | See [`RetryOptions`](persist_plugin_network::RetryOptions). |
//!
//! # How objects are kept
//!
//! Each is a row of one table, whose primary key is the object's key in byte order. An object is created with
//! `INSERT … ON CONFLICT`, so that exactly one writer succeeds; the others lock the row, which makes their commits wait as the
//! winner's did. Every statement is a transaction by itself that waits for the log to be flushed. Data lies outside the row and uncompressed. The table carries its version in its comment;
//! migrations run before the first write, in one transaction under an advisory lock.
//!
//! A connection whose statement was given up is closed, after the server was asked to cancel the statement: what was sent in
//! part is never carried out, and what was sent whole is carried out whole or not at all.
//!
//! # The client library
//!
//! This is tokio-postgres rather than sqlx, which was tried first: sqlx's pool hides why no connection came about until its
//! time limit ends, which decides whether a creation may be repeated; its rustls trusts its own bundle of authorities beside the one
//! that the user names; and that bundle's licence is not among those that this project takes.

mod adapter;
mod config;
mod error;
mod list;
mod names;
mod pool;
mod server;
mod table;
mod tls;

pub use adapter::PostgresStorage;
pub use config::PostgresConfig;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    storage "postgres" => PostgresStorage {
        description: "Keeps objects in PostgreSQL.",
        schema: include_str!("schema.json"),
    }
}
