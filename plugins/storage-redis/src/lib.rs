//! Keeps Persist objects in Redis or Valkey, on a server or in a cluster.
//!
//! ```toml
//! [stores.main]
//! storage = { adapter = "redis", url = "rediss://redis.example.org:6379", password_file = "/run/secrets/redis" }
//! ```
//!
//! The page `docs/backends/redis.md` describes the options, what the server must be set to, and what survives what.
//!
//! # How objects are kept
//!
//! An object is a string, and the sorted set `index` of its session has its name, in byte order. One transaction changes
//! both: they share a hash tag, so that a cluster keeps them in one slot. `SET … NX` in that transaction creates an object
//! only if its key is free. An index at the root of the store names the sessions. On one server it is part of the same
//! transaction; in a cluster it may lie on another node and is written first. An entry whose session has no objects is
//! passed over by listings.

mod adapter;
mod config;
mod error;
mod examine;
mod keys;
mod link;
mod list;
mod read;
mod write;

pub use adapter::RedisStorage;
pub use config::RedisConfig;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    storage "redis" => RedisStorage {
        description: "Keeps objects in Redis or Valkey, on a server or in a cluster.",
        schema: include_str!("schema.json"),
    }
}
