//! The storage section: how this object holds its snapshot.

use std::collections::BTreeMap;

use minicbor::Decoder;

use super::cbor::{self, Fields, Writer};
use super::identity::bad_field;
use super::trailer::TRAILER_LEN;
use super::{Delta, FormatError, Frame, WriteId};
use crate::SnapshotIndex;

/// The number of the kind of object that holds a snapshot.
pub(super) const KIND_SNAPSHOT: u64 = 0;

/// How an object holds its snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The attempt that wrote the object.
    pub write_id: WriteId,
    /// The index at which the object's segment starts: that of the full snapshot that its deltas build on.
    pub segment_start: SnapshotIndex,
    /// What was applied to each frame, in the order of writing; empty where the state is stored as it is.
    pub transforms: Vec<Transform>,
    /// The frames: of the state in a full snapshot, of the steps and literals in a delta.
    pub frames: Vec<Frame>,
    /// How the state is built from those of its ancestors; `None` in a full snapshot.
    pub delta: Option<Delta>,
}

/// One step between the state and its stored form, such as a codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    /// The name of the codec.
    pub name: String,
    /// What reading needs to know beyond the name.
    pub params: BTreeMap<String, String>,
}

impl Transform {
    /// The transform called `name`, without parameters.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), params: BTreeMap::new() }
    }

    fn write(&self, writer: &mut Writer) -> cbor::WriteResult {
        let name = |writer: &mut Writer| writer.str(&self.name).map(drop);
        let params = |writer: &mut Writer| cbor::write_text_map(writer, &self.params);
        cbor::write_fields(writer, &[(true, &name), (!self.params.is_empty(), &params)])
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, FormatError> {
        let mut fields = Fields::open(decoder, "transform")?;
        let name = fields.required("name", Decoder::str)?.to_owned();
        let params = fields.optional("params", cbor::read_text_map)?.unwrap_or_default();
        fields.close()?;
        Ok(Self { name, params })
    }
}

impl Storage {
    /// The length of the body, in bytes.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] when the lengths of the frames add up to more than 64 bits can hold.
    pub fn body_len(&self) -> Result<u64, FormatError> {
        sum(self.frames.iter().map(|frame| frame.stored_len)).ok_or_else(|| {
            FormatError::corrupt("the stored lengths of its frames add up to more than 2^64 bytes")
        })
    }

    /// The exact length of the whole object, in bytes, given where its header ends.
    pub(super) fn object_len(&self, header_end: usize) -> Result<u64, FormatError> {
        self.body_len()?
            .checked_add(header_end as u64 + TRAILER_LEN as u64)
            .ok_or_else(|| FormatError::corrupt("its lengths add up to more than 2^64 bytes"))
    }

    /// The rule that the values break beside an identity with this index and length, if they break one.
    pub(super) fn broken_rule(&self, index: SnapshotIndex, content_length: u64) -> Option<String> {
        if self.segment_start > index {
            return Some(format!("its segment starts at {}, after its index {index}", self.segment_start));
        }
        let total = sum(self.frames.iter().map(|frame| frame.raw_len));
        let described = total.map_or_else(|| "more than 2^64".to_owned(), |total| total.to_string());
        match (&self.delta, total) {
            (None, Some(total)) if total == content_length => {}
            (None, _) => {
                return Some(format!("its frames hold {described} bytes, its content has {content_length}"));
            }
            (Some(delta), Some(total)) => {
                if let Some(rule) = delta.broken_rule(index, self.segment_start, total, content_length) {
                    return Some(rule);
                }
            }
            (Some(_), None) => return Some(format!("its frames hold {described} bytes")),
        }
        let single = self.frames.len() == 1;
        for (at, frame) in self.frames.iter().enumerate() {
            if frame.digest.is_some() == single {
                let problem = if single { "a digest beside the content hash" } else { "no digest" };
                return Some(format!("its frame {at} has {problem}"));
            }
            if self.transforms.is_empty() && frame.stored_len != frame.raw_len {
                return Some(format!(
                    "its frame {at} has {} stored bytes for {} bytes of content without any transform",
                    frame.stored_len, frame.raw_len
                ));
            }
        }
        None
    }

    pub(super) fn encode(&self, index: SnapshotIndex) -> Result<Vec<u8>, FormatError> {
        let transforms = |writer: &mut Writer| {
            writer.array(self.transforms.len() as u64)?;
            self.transforms.iter().try_for_each(|transform| transform.write(writer))
        };
        let frames = |writer: &mut Writer| {
            writer.array(self.frames.len() as u64)?;
            self.frames.iter().try_for_each(|frame| frame.write(writer))
        };
        cbor::encode("storage section", |writer| {
            cbor::write_fields(
                writer,
                &[
                    (true, &|writer: &mut Writer| writer.u64(KIND_SNAPSHOT).map(drop)),
                    (true, &|writer: &mut Writer| writer.bytes(&self.write_id.0).map(drop)),
                    (self.segment_start != index, &|writer: &mut Writer| {
                        writer.u64(self.segment_start.get()).map(drop)
                    }),
                    (true, &transforms),
                    (true, &frames),
                    (self.delta.is_some(), &|writer: &mut Writer| match &self.delta {
                        Some(delta) => delta.write(writer, index),
                        None => Ok(()),
                    }),
                ],
            )
        })
    }

    pub(super) fn decode(bytes: &[u8], index: SnapshotIndex) -> Result<Self, FormatError> {
        let mut decoder = Decoder::new(bytes);
        let mut fields = Fields::open(&mut decoder, "storage section")?;
        let kind = fields.required("kind", Decoder::u64)?;
        if kind != KIND_SNAPSHOT {
            // What follows may mean something else in another kind.
            return Err(FormatError::UnknownKind { kind });
        }
        let write_id = WriteId(fields.required("write_id", cbor::fixed_bytes)?);
        let segment_start = match fields.optional("segment_start", Decoder::u64)? {
            Some(start) => SnapshotIndex::new(start).map_err(bad_field("segment_start"))?,
            None => index,
        };
        let transforms = fields.list("transforms", Transform::read)?;
        let frames = fields.list("frames", Frame::read)?;
        let delta = fields.nested("delta", |decoder| Delta::read(decoder, index))?;
        fields.close()?;
        cbor::end(&decoder, "storage section")?;
        Ok(Self { write_id, segment_start, transforms, frames, delta })
    }
}

fn sum(mut lengths: impl Iterator<Item = u64>) -> Option<u64> {
    lengths.try_fold(0_u64, u64::checked_add)
}
