//! Keeps Persist objects in the memory of the process: for tests, demonstrations and measurements.
//!
//! ```toml
//! storage = { adapter = "memory", name = "scratch", max_bytes = 268435456 }
//! ```
//!
//! | Option      | Type    | Default                | Meaning                                                        |
//! |-------------|---------|------------------------|----------------------------------------------------------------|
//! | `name`      | string  | none: a private store  | Adapters opened with the same name share one store.            |
//! | `max_bytes` | integer | 1073741824 (1 GiB)     | The most bytes that the keys and objects may have together.    |
//!
//! # Guarantees
//!
//! - Nothing survives the process, so the adapter does not claim durability. A named store lives until the process
//!   ends, even while no adapter is open; a private one as long as its adapter.
//! - Creation is atomic, listings are consistent, and all of them come in byte order.
//! - A write that would pass `max_bytes` fails with `NO_SPACE` and changes nothing.
//! - Adapters that share a name must agree on `max_bytes`; opening one that does not is a `CONFIG` error.
//! - Objects are kept as the buffers that the caller handed over, without a copy.

mod adapter;
mod config;
mod shared;
mod store;

pub use adapter::MemoryStorage;
pub use config::MemoryConfig;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    storage "memory" => MemoryStorage {
        description: "Keeps objects in the memory of the process.",
        schema: include_str!("schema.json"),
    }
}
