//! Keeps Persist objects in one SQLite database: one file to copy, back up and look into, and transactions instead of a
//! directory of small files.
//!
//! ```toml
//! storage = { adapter = "sqlite", path = "/srv/snapshots.sqlite" }
//! ```
//!
//! | Option    | Type    | Default  | Meaning                                                                            |
//! |-----------|---------|----------|------------------------------------------------------------------------------------|
//! | `path`    | string  | required | The database file, absolute. It is made, with its table, by the first write.       |
//! | `wait_ms` | integer | 30000    | How long a call waits for other writers of the database, in milliseconds; at least 0. |
//!
//! # Guarantees
//!
//! - Each write is a transaction of its own in write-ahead mode with `synchronous = FULL`: it is there as a whole or not at
//!   all, and what returned survives a crash of the machine.
//! - Creation is atomic among all processes that use the database on this machine. SQLite's locks do not work on network
//!   file systems; nothing here can.
//! - Listings are consistent and come in byte order, read by the page from the primary key's index.
//! - An object may have up to 1,000,000,000 bytes, SQLite's bound.
//! - What is deleted is overwritten with zeros in the file (`secure_delete`), though a copy may stay in the write-ahead log
//!   until SQLite reuses it; the file does not become smaller by itself.

mod adapter;
mod config;
mod database;
mod error;
mod list;

pub use adapter::Sqlite;
pub use config::SqliteConfig;

persist_plugin_api::export_plugin! {
    storage "sqlite" => Sqlite {
        description: "Keeps objects in one SQLite database.",
        schema: include_str!("schema.json"),
    }
}
