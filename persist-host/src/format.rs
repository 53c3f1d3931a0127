//! The stored form of snapshots, attachments, manifests, claims and the store marker, version 1.
//!
//! `docs/format.md` specifies every byte. This module knows nothing of storage or codecs: it turns values
//! into bytes, and bytes that may be damaged or hostile back into values. Reading never panics and never
//! allocates more than the input's own length justifies.

mod attachment;
mod cbor;
mod claim;
mod delta;
mod digest;
mod error;
mod features;
mod frame;
mod generation;
mod header;
mod identity;
mod index_set;
mod manifest;
mod mark;
mod marker;
mod object;
mod prologue;
mod record;
mod sections;
mod storage;
#[cfg(test)]
mod tests;
mod timestamp;
mod trailer;

pub use attachment::{Attachment, AttachmentObject};
pub use claim::Claim;
pub use delta::Delta;
pub use digest::{ContentHash, InvalidHex, WriteId};
pub use error::FormatError;
pub use features::Feature;
pub use frame::Frame;
pub use generation::{Generation, Generations, LabelChanges};
pub use header::Header;
pub use identity::{Identity, JSON_MEDIA_TYPE, Origin};
pub use index_set::IndexSet;
pub use manifest::Manifest;
pub use mark::{Mark, MarkKind, Moved};
pub use marker::Marker;
pub(crate) use object::Parts;
pub use object::{RecordObject, SnapshotObject, verify_object};
pub use prologue::MAX_HEADER_LEN;
pub use record::{PrefixParse, Record};
pub use storage::{Storage, Transform};
pub use timestamp::Timestamp;

/// The format version that this release writes, and the highest that it reads.
pub const FORMAT_VERSION: u16 = 1;

/// The release this program is, as it is recorded beside what it writes.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");
