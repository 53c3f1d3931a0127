//! One frame of a body: a part of the state that was transformed on its own.

use minicbor::Decoder;

use super::cbor::{self, Fields, WriteResult, Writer};
use super::{ContentHash, FormatError};

/// A part of the state, transformed on its own; the frames of an object follow each other without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The frame's length in the object, in bytes.
    pub stored_len: u64,
    /// The length of the part of the state that it holds, in bytes.
    pub raw_len: u64,
    /// The first 16 bytes of the SHA-256 of that part; `None` exactly where the object has one frame,
    /// because the content hash covers the same bytes.
    pub digest: Option<[u8; 16]>,
}

impl Frame {
    /// The digest of a frame that holds `raw`.
    #[must_use]
    pub fn digest_of(raw: &[u8]) -> [u8; 16] {
        shorten(ContentHash::of(raw))
    }

    pub(super) fn write(&self, writer: &mut Writer) -> WriteResult {
        let stored_len = |writer: &mut Writer| writer.u64(self.stored_len).map(drop);
        let raw_len = |writer: &mut Writer| writer.u64(self.raw_len).map(drop);
        let digest = |writer: &mut Writer| writer.bytes(&self.digest.unwrap_or_default()).map(drop);
        cbor::write_fields(writer, &[(true, &stored_len), (true, &raw_len), (self.digest.is_some(), &digest)])
    }

    pub(super) fn read(decoder: &mut Decoder<'_>) -> Result<Self, FormatError> {
        let mut fields = Fields::open(decoder, "frame")?;
        let frame = Self {
            stored_len: fields.required("stored length", Decoder::u64)?,
            raw_len: fields.required("raw length", Decoder::u64)?,
            digest: fields.optional("digest", cbor::fixed_bytes)?,
        };
        fields.close()?;
        Ok(frame)
    }
}

/// The frame digest that follows from the hash of a content which is one frame.
pub(super) fn shorten(hash: ContentHash) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.0[..16]);
    digest
}
