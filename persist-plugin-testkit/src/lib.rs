//! Checks that every storage and compression adapter of Persist must pass, whoever wrote it and however it was loaded.
//!
//! A plugin's own test needs a line:
//!
//! ```
//! # use persist_plugin_api::{CompressionAdapter, Result, StorageAdapter};
//! # fn tests<S: StorageAdapter>(open: impl AsyncFn() -> Result<S>, codec: impl CompressionAdapter) {
//! // Of a storage adapter, with a function that opens it anew:
//! persist_plugin_testkit::test_storage(open);
//! // Of a compression adapter:
//! persist_plugin_testkit::run_compression(&codec);
//! # }
//! ```
//!
//! `persist plugins check FILE --config CONFIG` runs the same checks on a built plugin, in a process of its own.
//!
//! # What is checked
//!
//! - [`storage_checks`]: bytes come back whole, in parts, empty and large; listings are complete, in order, and the
//!   same whatever the size of their pages; `save_if_absent` has one winner; odd, long and invalid keys; the codes of
//!   errors; dropped futures; absurd arguments, which are answered and never a panic; and that the adapter's
//!   [`Capabilities`](persist_plugin_api::Capabilities) are true. What an adapter does not claim is not asked of it.
//! - [`handle_checks`]: what two adapters that are opened with the same options owe each other.
//! - [`compression_checks`]: streams come back, bounds are exact, damage is noticed and never a panic, many threads may
//!   share the adapter, and the same with a prefix where the adapter takes one.
//!
//! Each check is a public function that works below a key prefix of its own, so all of them can share one store, even
//! at the same time. Their objects stay behind below [`scratch_prefix`], until [`remove_scratch`] removes them.
//!
//! What no check inside one process can see is left to the author: that `durable` data outlives a crash of the machine,
//! and that creation is atomic between machines.

mod compression;
mod failure;
mod sample;
mod storage;

pub use compression::{CompressionCheck, compression_checks, run_compression};
pub use failure::{Failure, Outcome};
pub use sample::{remove_scratch, scratch_prefix};
pub use storage::{
    HandleCheck, OpenStorage, StorageCheck, handle_checks, run_handles, run_storage, storage_checks,
    test_storage,
};

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The checks, one by one and by topic.
pub mod checks {
    pub use crate::compression::checks as compression;
    pub use crate::storage::{
        cancel, capabilities, concurrency, create, delete, errors, handles, keys, listing, panics, ranges,
        round_trip,
    };
}
