//! Storage adapters over other storage adapters: [`TieredStorage`] puts a cache in front of a store, [`ReplicatedStorage`] keeps
//! copies of one.
//!
//! ```toml
//! storage = { adapter = "tiered", cache = { adapter = "local", root = "/var/cache/persist", fsync = false },
//!             remote = { adapter = "s3", bucket = "snapshots" }, max_bytes = 10737418240 }
//!
//! storage = { adapter = "replicated", primary = { adapter = "s3", bucket = "snapshots" },
//!             replicas = [{ adapter = "local", root = "/mnt/copy" }] }
//! ```
//!
//! Both go by what the host says a call is for, its [`ReadPurpose`](persist_plugin_api::ReadPurpose): one place decides every
//! commit, the remote of the one and the primary of the other, and only reads that decide nothing may be answered elsewhere.
//! With a host that says nothing, every call goes there. `docs/backends/tiered.md` and `docs/backends/replicated.md` in the
//! repository have the options and what is guaranteed.

mod config;
mod marker;
mod object;
mod replicated;
mod tiered;

pub use config::{ReplicatedConfig, TieredConfig};
pub use replicated::ReplicatedStorage;
pub use tiered::TieredStorage;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    storage "tiered" => TieredStorage {
        description: "Puts a cache in front of a store.",
        schema: include_str!("tiered.json"),
    }
    storage "replicated" => ReplicatedStorage {
        description: "Keeps copies of a store, which restore when it cannot be reached.",
        schema: include_str!("replicated.json"),
    }
}
