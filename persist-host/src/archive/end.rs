//! The last entry of an archive, which tells what must come before it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ArchiveContents;
use super::volume::Object;
use crate::ContentHash;

/// The name of the entry.
pub(super) const NAME: &str = "persist-export.json";

/// The longest that the entry may be, in bytes.
pub(super) const MAX_BYTES: u64 = 4096;

/// The version of the archive's form that this release writes and reads.
pub(super) const VERSION: u64 = 1;

/// The entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// The version of the archive's form.
    pub(super) persist_export: u64,
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl End {
    /// The entry that follows these contents.
    pub(super) fn of(contents: &ArchiveContents) -> Self {
        Self {
            persist_export: VERSION,
            objects: contents.objects,
            bytes: contents.bytes,
            sha256: contents.sha256.to_string(),
        }
    }
}

/// What these objects come to: the hash runs over each key in byte order, a zero byte, and the object's SHA-256.
pub(super) fn contents_of(objects: &BTreeMap<String, Object>) -> ArchiveContents {
    let mut hash = Sha256::new();
    for (key, object) in objects {
        hash.update(key.as_bytes());
        hash.update([0]);
        hash.update(object.digest);
    }
    ArchiveContents {
        objects: objects.len() as u64,
        bytes: objects.values().map(|object| object.length).sum(),
        sha256: ContentHash(hash.finalize().into()),
    }
}
