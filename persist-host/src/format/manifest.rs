//! Manifests: the numbered records of decisions about a session, each replacing the one before.

use bytes::Bytes;
use minicbor::Decoder;

use super::cbor::{self, Fields, Writer};
use super::features;
use super::generation::{Generations, read_label_changes, write_label_changes};
use super::identity::read_session;
use super::prologue::{self, Located, Magic, PROLOGUE_LEN};
use super::trailer::{self, TRAILER_LEN};
use super::{FormatError, IndexSet, LabelChanges, WriteId};
use crate::{SessionRef, SnapshotIndex};

/// The state of all decisions about a session. The manifest with the highest number is the valid one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The attempt that wrote it.
    pub write_id: WriteId,
    /// Its number; the first manifest of a session is [`Manifest::FIRST_SEQ`].
    pub seq: u64,
    /// The session.
    pub session: SessionRef,
    /// The lowest index that may still exist.
    pub boundary: u64,
    /// All snapshots from the boundary on that were ever deleted.
    pub deleted: IndexSet,
    /// Those of the deleted that are to be erased: their records are replaced by stubs.
    pub gone: IndexSet,
    /// The snapshots that were rewritten, and where they are.
    pub generations: Generations,
    /// The labels that were changed since the snapshots were saved.
    pub labels: LabelChanges,
}

impl Manifest {
    /// The number of a session's first manifest.
    pub const FIRST_SEQ: u64 = 1;

    /// Encodes the manifest as one object.
    ///
    /// # Errors
    ///
    /// [`FormatError::Unencodable`] when its number has more than ten digits, or when it is too long: some two
    /// million separate ranges.
    pub fn encode(&self) -> Result<Bytes, FormatError> {
        if self.seq > SnapshotIndex::MAX.get() {
            return Err(FormatError::unencodable(format!(
                "the number {} of the manifest has more than ten digits",
                self.seq
            )));
        }
        let fields = cbor::encode("manifest", |writer| {
            cbor::write_fields(
                writer,
                &[
                    (true, &|writer: &mut Writer| writer.bytes(&self.write_id.0).map(drop)),
                    (true, &|writer: &mut Writer| writer.u64(self.seq).map(drop)),
                    (true, &|writer: &mut Writer| writer.str(self.session.agent.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.str(self.session.session.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.u64(self.boundary).map(drop)),
                    (true, &|writer: &mut Writer| self.deleted.write(writer)),
                    (!self.gone.is_empty(), &|writer: &mut Writer| self.gone.write(writer)),
                    (!self.generations.is_empty(), &|writer: &mut Writer| self.generations.write(writer)),
                    (!self.labels.is_empty(), &|writer: &mut Writer| {
                        write_label_changes(writer, &self.labels)
                    }),
                ],
            )
        })?;
        let header = cbor::encode("header", |writer| {
            writer.array(3)?;
            features::write(writer, &self.required())?;
            writer.array(0)?.bytes(&fields)?;
            Ok(())
        })?;
        let mut object = Vec::with_capacity(PROLOGUE_LEN + header.len() + TRAILER_LEN);
        prologue::write(Magic::Manifest, &header, &mut object)?;
        object.extend_from_slice(&header);
        trailer::write(&mut object);
        Ok(object.into())
    }

    /// Checks every byte of a whole manifest and reads it.
    ///
    /// # Errors
    ///
    /// Any [`FormatError`] but `Unencodable` and `UnknownKind`.
    pub fn parse(object: &[u8]) -> Result<Self, FormatError> {
        match prologue::locate_header(Magic::Manifest, object)? {
            Located::NeedMore(needed) => {
                Err(FormatError::Truncated { expected: needed as u64, found: object.len() as u64 })
            }
            Located::Header(range) => {
                trailer::check(object, range.end as u64)?;
                Self::decode(&object[range])
            }
        }
    }

    /// Checks that the manifest belongs where it was found.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`], naming both places, when it does not.
    pub fn expect(&self, session: &SessionRef, seq: u64) -> Result<(), FormatError> {
        if self.session == *session && self.seq == seq {
            return Ok(());
        }
        Err(FormatError::corrupt(format!(
            "it is the manifest {} of {}, but lies where manifest {seq} of {session} belongs",
            self.seq, self.session
        )))
    }

    fn decode(header: &[u8]) -> Result<Self, FormatError> {
        let mut decoder = Decoder::new(header);
        let mut fields = Fields::open(&mut decoder, "header")?;
        features::read_required(&mut fields)?;
        features::read_optional(&mut fields)?;
        let manifest = fields.required("manifest", Decoder::bytes)?;
        fields.close()?;
        cbor::end(&decoder, "header")?;

        let mut decoder = Decoder::new(manifest);
        let mut fields = Fields::open(&mut decoder, "manifest")?;
        let write_id = WriteId(fields.required("write_id", cbor::fixed_bytes)?);
        let seq = fields.required("seq", Decoder::u64)?;
        let session = read_session(&mut fields)?;
        let boundary = fields.required("boundary", Decoder::u64)?;
        let deleted = IndexSet::read(&mut fields, "deleted")?;
        let gone = fields.nested("gone", |decoder| IndexSet::read_from(decoder, "gone"))?.unwrap_or_default();
        let generations = fields.nested("generations", Generations::read)?.unwrap_or_default();
        let labels = fields.nested("labels", read_label_changes)?.unwrap_or_default();
        fields.close()?;
        cbor::end(&decoder, "manifest")?;
        if let Some(stray) = gone.ranges().find(|(first, length)| !deleted.contains_range(*first, *length)) {
            return Err(FormatError::corrupt(format!("it erases {stray:?}, which it does not delete")));
        }
        Ok(Self { write_id, seq, session, boundary, deleted, gone, generations, labels })
    }

    /// What an older release must not overlook: it would give back what moved, or drop what it does not know.
    fn required(&self) -> Vec<features::Feature> {
        let generations = !(self.gone.is_empty() && self.generations.is_empty());
        let labels = !self.labels.is_empty();
        let known = [(generations, &features::GENERATIONS), (labels, &features::LABELS)];
        known.iter().filter(|(used, _)| *used).map(|(_, feature)| feature.to_feature()).collect()
    }
}
