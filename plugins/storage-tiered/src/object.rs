//! What an object's own bytes tell of it: when two places hold different objects under a key, which of them is whole, and
//! whether the one stands for the other. The form is that of `docs/format.md`.

mod cbor;

use persist_plugin_api::Bytes;
use sha2::{Digest as _, Sha256};

/// From how many bytes on an object is hashed on a thread for such work.
pub(crate) const LARGE: usize = 256 << 10;

/// What a record begins with, then a manifest, an attachment and a claim.
const MAGICS: [[u8; 4]; 4] = [*b"\x89PSO", *b"\x89PSM", *b"\x89PSA", *b"\x89PSN"];

/// The only version whose trailer is known here.
const VERSION: u16 = 1;

const PROLOGUE_BYTES: usize = 42;

/// What the trailer begins with: the type, and the length of the digest.
const TRAILER: [u8; 3] = [1, 32, 0];

const DIGEST_BYTES: usize = 32;

/// The condition of an object's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// All its digests hold. Of a record, it says which.
    Intact(Option<Record>),
    /// It is of the stored format, and not what was written: changed or cut off.
    Damaged,
    /// Of another format or a later version: nobody here can tell.
    Unknown,
}

/// Which record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Whether it took the place of a snapshot, of which it has the id.
    is_stub: bool,
    write_id: [u8; 16],
}

impl Condition {
    /// The condition of an object. Large ones are hashed on a thread for such work.
    pub(crate) async fn of(object: &Bytes) -> Self {
        if object.len() < LARGE {
            return check(object);
        }
        let shared = object.clone();
        // Only a runtime that ends refuses such work.
        tokio::task::spawn_blocking(move || check(&shared)).await.unwrap_or_else(|_| check(object))
    }

    pub(crate) fn is_intact(self) -> bool {
        matches!(self, Self::Intact(_))
    }

    pub(crate) fn is_stub(self) -> bool {
        matches!(self, Self::Intact(Some(Record { is_stub: true, .. })))
    }

    /// Whether this object may be written over the other: it is whole, and the other is damaged or the very snapshot whose
    /// place this one took.
    pub(crate) fn supersedes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Intact(_), Self::Damaged) => true,
            (Self::Intact(Some(own)), Self::Intact(Some(other))) => {
                own.is_stub && own.write_id == other.write_id
            }
            _ => false,
        }
    }

    /// What the log calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Intact(_) => "intact",
            Self::Damaged => "damaged",
            Self::Unknown => "of no known form",
        }
    }
}

fn check(object: &[u8]) -> Condition {
    let Some(magic) = object.first_chunk::<4>() else {
        // What Persist stores is never as short as that.
        return if MAGICS.iter().any(|magic| magic.starts_with(object)) {
            Condition::Damaged
        } else {
            Condition::Unknown
        };
    };
    if !MAGICS.contains(magic) {
        return Condition::Unknown;
    }
    match whole(object) {
        None => Condition::Damaged,
        Some((VERSION, header)) => {
            let record = (magic == b"\x89PSO").then(|| cbor::record(header)).flatten();
            let record = record.map(|(kind, write_id)| Record { is_stub: kind == cbor::STUB, write_id });
            Condition::Intact(record)
        }
        Some(_) => Condition::Unknown,
    }
}

/// The version and the header, if the digests hold that are known for the version.
fn whole(object: &[u8]) -> Option<(u16, &[u8])> {
    let (prologue, rest) = object.split_first_chunk::<PROLOGUE_BYTES>()?;
    let (start, digest) = prologue.split_at(10);
    let version = u16::from_le_bytes(start.get(4..6)?.try_into().ok()?);
    let length = u32::from_le_bytes(start.get(6..10)?.try_into().ok()?);
    let header = rest.get(..usize::try_from(length).ok()?)?;
    let hashed = Sha256::new().chain_update(start).chain_update(header).finalize();
    if hashed.as_slice() != digest {
        return None;
    }
    if version == VERSION {
        let (before, digest) = object.split_last_chunk::<DIGEST_BYTES>()?;
        let (content, trailer) = before.split_last_chunk::<3>()?;
        let fits = content.len() >= PROLOGUE_BYTES + header.len() && *trailer == TRAILER;
        if !fits || Sha256::digest(content).as_slice() != digest {
            return None;
        }
    }
    Some((version, header))
}

#[cfg(test)]
mod tests;
