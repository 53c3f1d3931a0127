//! The outermost array of a record's header: features, then two sections that are read by what the object is.

use minicbor::Decoder;

use super::cbor::{self, Fields, Writer};
use super::features::{self, Feature};
use super::{FormatError, WriteId};

/// A header before its sections are read.
pub(super) struct Sections<'b> {
    pub(super) required: Vec<Feature>,
    pub(super) optional: Vec<Feature>,
    pub(super) identity: &'b [u8],
    pub(super) storage: &'b [u8],
}

impl<'b> Sections<'b> {
    pub(super) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        cbor::encode("header", |writer| {
            cbor::write_fields(
                writer,
                &[
                    (true, &|writer: &mut Writer| features::write(writer, &self.required)),
                    (true, &|writer: &mut Writer| features::write(writer, &self.optional)),
                    (true, &|writer: &mut Writer| writer.bytes(self.identity).map(drop)),
                    (true, &|writer: &mut Writer| writer.bytes(self.storage).map(drop)),
                ],
            )
        })
    }

    pub(super) fn decode(header: &'b [u8]) -> Result<Self, FormatError> {
        let mut decoder = Decoder::new(header);
        let mut fields = Fields::open(&mut decoder, "header")?;
        let required = features::read_required(&mut fields)?;
        let optional = features::read_optional(&mut fields)?;
        let identity = fields.required("identity", Decoder::bytes)?;
        let storage = fields.required("storage", Decoder::bytes)?;
        fields.close()?;
        cbor::end(&decoder, "header")?;
        Ok(Self { required, optional, identity, storage })
    }

    /// What the storage section of every kind of object starts with: the kind, and who wrote it.
    pub(super) fn kind(&self) -> Result<(u64, WriteId), FormatError> {
        let mut decoder = Decoder::new(self.storage);
        let mut fields = Fields::open(&mut decoder, "storage section")?;
        let kind = fields.required("kind", Decoder::u64)?;
        Ok((kind, WriteId(fields.required("write_id", cbor::fixed_bytes)?)))
    }
}
