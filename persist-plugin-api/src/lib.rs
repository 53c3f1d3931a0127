//! The interface between Persist and its plugins, and the manual for those who write one.
//!
//! A plugin is a shared library that offers *adapters*: places that keep objects ([`StorageAdapter`]) and ways to
//! compress them ([`CompressionAdapter`]). The host finds it in a directory, checks that the file can be trusted and
//! is compatible, and opens the adapters that the user's config names. No rebuild of the host is involved.
//!
//! # Writing a plugin
//!
//! Make a library crate that builds a shared library, and depend on this crate and on `serde`:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! persist-plugin-api = "1"
//! serde = { version = "1", features = ["derive"] }
//! ```
//!
//! Implement the trait with plain `async fn`s and ordinary results, and name the adapter in one macro call. This is a
//! whole plugin:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::{Mutex, MutexGuard, PoisonError};
//!
//! use persist_plugin_api::{
//!     Bytes, Capabilities, Error, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter,
//! };
//!
//! /// The options a user may write: `storage = { adapter = "shelf", read_only = true }`.
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! pub struct ShelfConfig {
//!     #[serde(default)]
//!     read_only: bool,
//! }
//!
//! /// Keeps objects on a shelf in memory.
//! pub struct Shelf {
//!     objects: Mutex<BTreeMap<String, Bytes>>,
//!     read_only: bool,
//! }
//!
//! impl Shelf {
//!     fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
//!         self.objects.lock().unwrap_or_else(PoisonError::into_inner)
//!     }
//!
//!     fn check_writable(&self, key: &str) -> Result<()> {
//!         if !self.read_only {
//!             return Ok(());
//!         }
//!         let message = format!("cannot write {key:?}: the shelf was opened with read_only = true");
//!         Err(Error::new(persist_plugin_api::ErrorCode::PERMISSION_DENIED, message))
//!     }
//! }
//!
//! impl StorageAdapter for Shelf {
//!     type Config = ShelfConfig;
//!
//!     async fn open(config: ShelfConfig) -> Result<Self> {
//!         Ok(Shelf { objects: Mutex::default(), read_only: config.read_only })
//!     }
//!
//!     async fn capabilities(&self) -> Result<Capabilities> {
//!         // Claim what is true: one process, one lock, nothing survives the process.
//!         Ok(Capabilities::none().atomic_create(true).consistent_list(true))
//!     }
//!
//!     async fn save(&self, key: &str, data: Bytes) -> Result<()> {
//!         self.check_writable(key)?;
//!         self.objects().insert(key.to_owned(), data);
//!         Ok(())
//!     }
//!
//!     async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
//!         self.check_writable(key)?;
//!         let mut objects = self.objects();
//!         if objects.contains_key(key) {
//!             return Err(Error::already_exists(key));
//!         }
//!         objects.insert(key.to_owned(), data);
//!         Ok(())
//!     }
//!
//!     async fn load(&self, key: &str) -> Result<Bytes> {
//!         self.objects().get(key).cloned().ok_or_else(|| Error::not_found(key))
//!     }
//!
//!     async fn stat(&self, key: &str) -> Result<ObjectMeta> {
//!         let size = self.objects().get(key).map(Bytes::len).ok_or_else(|| Error::not_found(key))?;
//!         Ok(ObjectMeta::new(key, size as u64))
//!     }
//!
//!     async fn delete(&self, key: &str) -> Result<()> {
//!         self.check_writable(key)?;
//!         self.objects().remove(key);
//!         Ok(())
//!     }
//!
//!     async fn list(&self, request: ListRequest) -> Result<ListPage> {
//!         let objects = self.objects();
//!         let keys = objects.iter().map(|(key, data)| ObjectMeta::new(key, data.len() as u64));
//!         Ok(persist_plugin_api::page_of_sorted(keys, &request))
//!     }
//! }
//!
//! persist_plugin_api::export_plugin! {
//!     storage "shelf" => Shelf {
//!         description: "Keeps objects on a shelf in memory.",
//!         schema: r#"{"type":"object","properties":{"read_only":{"type":"boolean"}},"additionalProperties":false}"#,
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! # What the boundary gives you
//!
//! - **Bytes** are [`Bytes`] on both sides and cross without a copy.
//! - **Errors** are [`Error`]s: a code, a message, whether to retry, whether a failed write certainly did not happen,
//!   and the chain of causes. Attach causes with [`Error::with_source`] rather than writing them into the message.
//! - **tokio**: each plugin has its own runtime, entered whenever the host polls your futures, so timers, sockets,
//!   `spawn` and `spawn_blocking` work. Never hold a runtime of your own across calls.
//! - **Logs**: `tracing` events and spans appear in the host's log, under the host's filters and settings.
//! - **Requests**: [`Request::current`] names the operation that a storage call is part of, for a backend's own log.
//! - **What a read is for**: [`ReadPurpose::current`] says whether a copy will do, for adapters that keep copies.
//! - **Other adapters**: an adapter may be made over others that the user configures as its options; see [`Part`].
//! - **Retries** inside an adapter are invisible to the host; [`report_retry`] has them counted in its metrics.
//! - **Panics** are caught and become errors with the code [`ErrorCode::PANIC`]. Build with unwinding panics (the
//!   default): a plugin built with `panic = "abort"` is refused.
//! - **Cancellation**: the host drops the future. Leave nothing half-written behind.
//!
//! What it cannot give: a plugin runs with the host's full privileges, and a segmentation fault, an `abort` or an
//! `exit` in it ends the host.
//!
//! # Versions
//!
//! A plugin built with an older 1.x release of this crate keeps loading in newer hosts, and the other way round; the
//! [`PROTOCOL`] number changes only when the meaning of a call does. `docs/plugin-abi.md` in the repository has the
//! rules.

mod abi;
mod adapter;
mod descriptor;
mod dynamic;
mod error;
mod object;
mod paging;
mod part;
mod purpose;
mod request;
mod retry;

pub use abi::PROTOCOL;
pub use adapter::{CompressionAdapter, StorageAdapter};
pub use bytes::Bytes;
pub use descriptor::{AdapterDescriptor, Descriptor};
pub use dynamic::{BoxFuture, DynCompression, DynStorage};
pub use error::{Error, ErrorCode, Result};
pub use object::{Capabilities, ListPage, ListRequest, MAX_KEY_BYTES, MAX_SEGMENT_BYTES, ObjectMeta};
pub use paging::{check_key, page_of_sorted};
pub use part::Part;
pub use purpose::ReadPurpose;
pub use request::Request;
pub use retry::report_retry;

/// What a program needs that loads plugins: finding the descriptor, and connecting to an opened library.
#[cfg(feature = "host")]
pub mod host {
    pub use crate::abi::handshake::{ENTRY_SYMBOL, HandshakeError, OpenedStorage, Plugin};
    pub use crate::abi::interface::{interface, plugin_interface};
    pub use crate::abi::services::{LogPaused, on_retry, pause_log};
    pub use crate::descriptor::{MAX_DESCRIPTOR_BYTES, PART_KEYWORD, SECTION};

    /// The version of this crate.
    pub const API_VERSION: &str = env!("CARGO_PKG_VERSION");
}

/// For the export macro only.
#[doc(hidden)]
#[allow(missing_docs, clippy::allow_attributes, reason = "not part of the public interface")]
pub mod __private {
    pub use crate::abi::export::*;
    pub use crate::abi::{
        CompressionBox, HostServices_Ref, PluginModule_Ref, StorageBox, WireFuture, WireResult,
    };
    pub use crate::descriptor::{AdapterEntry, descriptor_bytes, descriptor_length};
    pub use abi_stable::library::RootModuleResult;
    pub use abi_stable::std_types::{RString, RVec};
}
