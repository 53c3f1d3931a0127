//! Keeps Persist objects in Azure Blob Storage or in Google Cloud Storage, through [Apache OpenDAL](https://opendal.apache.org).
//!
//! ```toml
//! [stores.azure]
//! storage = { adapter = "azblob", account = "contoso", container = "agents" }
//!
//! [stores.google]
//! storage = { adapter = "gcs", bucket = "agents" }
//! ```
//!
//! The options are described in `docs/backends/azblob.md` and `docs/backends/gcs.md`.
//!
//! # Which services
//!
//! OpenDAL reaches some fifty services. This crate offers those that users ask for, that can create an object atomically,
//! and for which a server can be started in the tests. Left out are, for now: `webdav`, whose servers mostly ignore the
//! condition of a creation and replace files in place, and `b2`, `oss`, `cos`, `obs` and `sftp`, for want of a server to
//! test them against. Services that speak S3's protocol, as B2 and OSS do, are reached by the adapter `s3`.
//!
//! # What OpenDAL does here, and what it does not
//!
//! - Requests, signatures and credentials are OpenDAL's and reqsign's, with one exception: objects are sent to Google in a
//!   multipart request of this crate's own, which is conditional and checked in one round trip. OpenDAL would send a
//!   creation as a resumable upload of two requests without a checksum.
//! - An object is sent in one request at every size, up to 5000 MiB, for one request is applied as a whole and its
//!   condition is decided at one moment.
//! - OpenDAL's retries are not used: they repeat creations whose answer was lost. Calls are repeated as
//!   `persist-plugin-network` does it.
//! - A page of a listing goes on where the one before ended, in the same process. Where that is lost, the listing is begun
//!   again and what was reported is passed over. `start_after` is applied to what the service lists.
//! - OpenDAL's errors hold whole requests, with signatures. Messages are made from the HTTP status, the service's name for
//!   the error, and the number of the request.
//!
//! # Creating objects
//!
//! An object is created by one writer only: Azure is asked with `If-None-Match: *`, Google with `ifGenerationMatch=0`.
//! Emulators and gateways may accept that and ignore it. Before the first write, the adapter therefore tries it on the
//! object `persist-probe`, which it leaves in place and hides from listings. On a service that ignores the condition
//! [`save_if_absent`](persist_plugin_api::StorageAdapter::save_if_absent) is refused.

mod adapter;
mod azblob;
mod config;
mod core;
mod cursors;
mod error;
mod gcs;
mod keys;
mod list;
mod probe;
mod read;
mod upload;
mod wire;
mod write;

pub use adapter::OpendalStorage;
pub use azblob::AzblobConfig;
pub use gcs::GcsConfig;

/// Keeps objects in Azure Blob Storage.
pub type AzblobStorage = OpendalStorage<AzblobConfig>;

/// Keeps objects in Google Cloud Storage.
pub type GcsStorage = OpendalStorage<GcsConfig>;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    storage "azblob" => AzblobStorage {
        description: "Keeps objects in Azure Blob Storage.",
        schema: include_str!("azblob/schema.json"),
    }
    storage "gcs" => GcsStorage {
        description: "Keeps objects in Google Cloud Storage.",
        schema: include_str!("gcs/schema.json"),
    }
}
