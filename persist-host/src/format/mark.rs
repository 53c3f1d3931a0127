//! Marks: records that occupy an index without holding a snapshot.

use bytes::Bytes;
use minicbor::Decoder;
use sha2::{Digest as _, Sha256};

use super::cbor::{self, Fields, Writer};
use super::delta::{read_ancestors, write_ancestors};
use super::features;
use super::identity::{bad_field, read_index, read_session};
use super::prologue::{self, Magic, PROLOGUE_LEN};
use super::sections::Sections;
use super::trailer::{self, TRAILER_LEN};
use super::{FormatError, Generation, Timestamp, WriteId};
use crate::{SessionRef, SnapshotIndex};

/// The number of the kind of object that ends a segment.
const KIND_SEAL: u64 = 1;

/// The number of the kind of object that stands where a snapshot was.
const KIND_STUB: u64 = 2;

/// A record that occupies an index without holding a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The session.
    pub session: SessionRef,
    /// The index that it occupies.
    pub snapshot_index: SnapshotIndex,
    /// When it was made, by the clock of the program that made it.
    pub timestamp: Timestamp,
    /// The attempt that wrote the record; a stub keeps that of the snapshot whose place it took.
    pub write_id: WriteId,
    /// The index at which the segment starts: a seal's own.
    pub segment_start: SnapshotIndex,
    /// What it stands for.
    pub kind: MarkKind,
}

/// What a mark stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// The end of the segment before it, which can then be collected and rewritten.
    Seal,
    /// A snapshot that was here and was rewritten elsewhere or erased.
    Stub {
        /// The digest of that snapshot's identity, so that the chain of identities stays whole.
        identity_digest: [u8; 32],
        /// Where its rewritten form lies; `None` when it is gone. A hint: the manifest decides.
        moved: Option<Moved>,
    },
}

/// Where a rewritten snapshot lies, as its stub says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The generation of rewritten snapshots that holds it.
    pub generation: Generation,
    /// Its ancestors there, the nearest first, so that a reader can ask for all of them at once.
    pub ancestors: Vec<SnapshotIndex>,
}

impl Mark {
    /// The digest that the next snapshot records as its predecessor's identity.
    ///
    /// # Errors
    ///
    /// [`FormatError::Unencodable`], which no mark that was read or can be written gives.
    pub fn identity_digest(&self) -> Result<[u8; 32], FormatError> {
        match &self.kind {
            MarkKind::Seal => Ok(Sha256::digest(self.encode_identity()?).into()),
            MarkKind::Stub { identity_digest, .. } => Ok(*identity_digest),
        }
    }

    /// Whether it never was a snapshot.
    #[must_use]
    pub fn is_seal(&self) -> bool {
        self.kind == MarkKind::Seal
    }

    /// Whether it stands for a snapshot that lies elsewhere now.
    #[must_use]
    pub fn is_moved(&self) -> bool {
        matches!(self.kind, MarkKind::Stub { moved: Some(_), .. })
    }

    /// Encodes the mark as one object.
    ///
    /// # Errors
    ///
    /// [`FormatError::Unencodable`] when its header is longer than [`MAX_HEADER_LEN`](super::MAX_HEADER_LEN).
    pub fn encode(&self) -> Result<Bytes, FormatError> {
        let identity = self.encode_identity()?;
        let storage = self.encode_storage()?;
        let required = vec![features::MARKS.to_feature()];
        let sections = Sections { required, optional: Vec::new(), identity: &identity, storage: &storage };
        let header = sections.encode()?;
        let mut object = Vec::with_capacity(PROLOGUE_LEN + header.len() + TRAILER_LEN);
        prologue::write(Magic::Snapshot, &header, &mut object)?;
        object.extend_from_slice(&header);
        trailer::write(&mut object);
        Ok(object.into())
    }

    /// Reads the sections of a mark of this kind.
    pub(super) fn decode(kind: u64, sections: &Sections<'_>) -> Result<Self, FormatError> {
        if !matches!(kind, KIND_SEAL | KIND_STUB) {
            // What follows may mean something else in another kind.
            return Err(FormatError::UnknownKind { kind });
        }
        let mut decoder = Decoder::new(sections.identity);
        let mut fields = Fields::open(&mut decoder, "identity")?;
        let session = read_session(&mut fields)?;
        let snapshot_index = read_index(&mut fields)?;
        let timestamp = Timestamp::from_micros(fields.required("timestamp", Decoder::i64)?)?;
        fields.close()?;
        cbor::end(&decoder, "identity")?;

        let mut decoder = Decoder::new(sections.storage);
        let mut fields = Fields::open(&mut decoder, "storage section")?;
        fields.required("kind", Decoder::u64)?;
        let write_id = WriteId(fields.required("write_id", cbor::fixed_bytes)?);
        let segment_start = match fields.optional("segment_start", Decoder::u64)? {
            Some(start) => SnapshotIndex::new(start).map_err(bad_field("segment_start"))?,
            None => snapshot_index,
        };
        let kind = if kind == KIND_SEAL {
            MarkKind::Seal
        } else {
            MarkKind::Stub {
                identity_digest: fields.required("identity_digest", cbor::fixed_bytes)?,
                moved: fields.nested("moved", |decoder| Moved::read(decoder, snapshot_index))?,
            }
        };
        fields.close()?;
        cbor::end(&decoder, "storage section")?;
        if segment_start > snapshot_index {
            return Err(FormatError::corrupt(format!(
                "its segment starts at {segment_start}, after its index {snapshot_index}"
            )));
        }
        Ok(Self { session, snapshot_index, timestamp, write_id, segment_start, kind })
    }

    fn encode_identity(&self) -> Result<Vec<u8>, FormatError> {
        cbor::encode("identity", |writer| {
            writer.array(4)?.str(self.session.agent.as_str())?.str(self.session.session.as_str())?;
            writer.u64(self.snapshot_index.get())?.i64(self.timestamp.as_micros())?;
            Ok(())
        })
    }

    fn encode_storage(&self) -> Result<Vec<u8>, FormatError> {
        let (kind, digest, moved) = match &self.kind {
            MarkKind::Seal => (KIND_SEAL, None, None),
            MarkKind::Stub { identity_digest, moved } => (KIND_STUB, Some(identity_digest), moved.as_ref()),
        };
        cbor::encode("storage section", |writer| {
            cbor::write_fields(
                writer,
                &[
                    (true, &|writer: &mut Writer| writer.u64(kind).map(drop)),
                    (true, &|writer: &mut Writer| writer.bytes(&self.write_id.0).map(drop)),
                    (self.segment_start != self.snapshot_index, &|writer: &mut Writer| {
                        writer.u64(self.segment_start.get()).map(drop)
                    }),
                    (digest.is_some(), &|writer: &mut Writer| {
                        writer.bytes(digest.map_or(&[][..], |digest| digest)).map(drop)
                    }),
                    (moved.is_some(), &|writer: &mut Writer| match moved {
                        Some(moved) => moved.write(writer, self.snapshot_index),
                        None => Ok(()),
                    }),
                ],
            )
        })
    }
}

impl Moved {
    fn write(&self, writer: &mut Writer, index: SnapshotIndex) -> cbor::WriteResult {
        writer.array(2)?;
        self.generation.write(writer)?;
        write_ancestors(writer, index, &self.ancestors)
    }

    fn read(decoder: &mut Decoder<'_>, index: SnapshotIndex) -> Result<Self, FormatError> {
        let mut fields = Fields::open(decoder, "moved")?;
        let generation = fields.record("generation", Generation::read)?;
        let ancestors = fields.required("ancestors", |decoder| read_ancestors(decoder, index))?;
        fields.close()?;
        Ok(Self { generation, ancestors })
    }
}
