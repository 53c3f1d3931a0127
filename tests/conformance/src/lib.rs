//! Checks that every storage and compression adapter must pass, whoever wrote it and however it was loaded.
//!
//! A plugin's own test needs a line:
//!
//! ```
//! # async fn test(storage: &dyn persist_plugin_api::DynStorage) {
//! persist_conformance::run_storage(storage).await;
//! # }
//! ```
//!
//! Each check is a public function that works below a key prefix of its own, so all of them can share one store, even
//! at the same time. They leave their objects behind, below `conformance/`. What an adapter does not claim in its
//! [`Capabilities`](persist_plugin_api::Capabilities) is not asked of it.

mod compression;
mod failure;
mod sample;
mod storage;

pub use compression::{CompressionCheck, compression_checks, run_compression};
pub use failure::{Failure, Outcome};
pub use storage::{StorageCheck, run_storage, storage_checks};

/// The storage checks, one by one and by topic.
pub mod checks {
    pub use crate::compression::checks as compression;
    pub use crate::storage::{
        cancel, concurrency, create, delete, errors, keys, listing, ranges, round_trip,
    };
}
