//! What the header of a delta says: which snapshots it builds on, and how its body is divided.

use minicbor::Decoder;
use minicbor::decode::Error as DecodeError;

use super::FormatError;
use super::cbor::{self, Fields, Writer};
use crate::SnapshotIndex;

/// How a state is built from those of its ancestors: earlier snapshots of the same segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The ancestors, the nearest first. The nearest is the base that the steps copy from, and itself a delta
    /// against the next one; the last is a full snapshot.
    pub ancestors: Vec<SnapshotIndex>,
    /// The first 16 bytes of the SHA-256 over the digests in the ancestors' trailers, in the same order.
    pub ancestors_digest: [u8; 16],
    /// The length of the encoded steps, in bytes; the frames hold them in front of the literals.
    pub steps_len: u64,
    /// How many bytes of the ancestors' literals, joined from the full snapshot to the nearest and counted from
    /// their end, the codec was given as a prefix of every frame; 0 where it was given none.
    pub prefix_len: u64,
}

impl Delta {
    /// The rule that the values break in an object with this index, if they break one.
    pub(super) fn broken_rule(
        &self,
        index: SnapshotIndex,
        segment_start: SnapshotIndex,
        frames_len: u64,
        content_length: u64,
    ) -> Option<String> {
        let mut after = index;
        for ancestor in &self.ancestors {
            if *ancestor >= after || *ancestor < segment_start {
                return Some(format!("its ancestor {ancestor} is not between {segment_start} and {after}"));
            }
            after = *ancestor;
        }
        if self.ancestors.is_empty() {
            return Some("it is a delta without an ancestor".to_owned());
        }
        match frames_len.checked_sub(self.steps_len) {
            None => Some(format!("its steps have {} bytes, its frames hold {frames_len}", self.steps_len)),
            Some(literals) if literals > content_length => {
                Some(format!("its literals have {literals} bytes, its content has {content_length}"))
            }
            Some(_) => None,
        }
    }

    pub(super) fn write(&self, writer: &mut Writer, index: SnapshotIndex) -> cbor::WriteResult {
        cbor::write_fields(
            writer,
            &[
                (true, &|writer: &mut Writer| write_ancestors(writer, index, &self.ancestors)),
                (true, &|writer: &mut Writer| writer.bytes(&self.ancestors_digest).map(drop)),
                (true, &|writer: &mut Writer| writer.u64(self.steps_len).map(drop)),
                (true, &|writer: &mut Writer| writer.u64(self.prefix_len).map(drop)),
            ],
        )
    }

    pub(super) fn read(decoder: &mut Decoder<'_>, index: SnapshotIndex) -> Result<Self, FormatError> {
        let mut fields = Fields::open(decoder, "delta")?;
        let delta = Self {
            ancestors: fields.required("ancestors", |decoder| read_ancestors(decoder, index))?,
            ancestors_digest: fields.required("ancestors_digest", cbor::fixed_bytes)?,
            steps_len: fields.required("steps_len", Decoder::u64)?,
            prefix_len: fields.required("prefix_len", Decoder::u64)?,
        };
        fields.close()?;
        Ok(delta)
    }
}

/// Writes ancestors as the distances between them, which take a byte each.
pub(super) fn write_ancestors(
    writer: &mut Writer,
    index: SnapshotIndex,
    ancestors: &[SnapshotIndex],
) -> cbor::WriteResult {
    writer.array(ancestors.len() as u64)?;
    let mut after = index.get();
    for ancestor in ancestors {
        // The order was checked; a distance of 0 would be refused by every reader.
        writer.u64(after.saturating_sub(ancestor.get()))?;
        after = ancestor.get();
    }
    Ok(())
}

/// Reads what [`write_ancestors`] wrote.
pub(super) fn read_ancestors(
    decoder: &mut Decoder<'_>,
    index: SnapshotIndex,
) -> Result<Vec<SnapshotIndex>, DecodeError> {
    let length = decoder.array()?.ok_or_else(|| DecodeError::message("an array of indefinite length"))?;
    let mut ancestors = Vec::new();
    let mut after = index.get();
    for _ in 0..length {
        let distance = decoder.u64()?;
        after = after
            .checked_sub(distance)
            .filter(|_| distance > 0)
            .ok_or_else(|| DecodeError::message("a distance between ancestors is out of range"))?;
        ancestors.push(SnapshotIndex::new(after).map_err(DecodeError::message)?);
    }
    Ok(ancestors)
}
