//! Claims: objects that hold a snapshot's name, so that it is unique in its session and found without a listing.

use bytes::Bytes;
use minicbor::Decoder;

use super::cbor::{self, Fields, Writer};
use super::features;
use super::identity::{bad_field, read_session};
use super::object::assemble;
use super::prologue::{self, Located, Magic};
use super::trailer;
use super::{FormatError, WriteId};
use crate::{SessionRef, SnapshotIndex, SnapshotName};

/// One save's claim to a name. Of several claims to one name, the one with the highest number holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The attempt that claims the name for its snapshot.
    pub write_id: WriteId,
    /// The session.
    pub session: SessionRef,
    /// The name.
    pub name: SnapshotName,
    /// The number of the claim, from 0; at most [`Claim::MAX_NUMBER`].
    pub number: u64,
    /// The index from which on a live snapshot with this name is to be looked for: there is none before.
    pub search_from: SnapshotIndex,
}

impl Claim {
    /// The highest number of a claim: ten decimal digits, its width in a storage key.
    pub const MAX_NUMBER: u64 = SnapshotIndex::MAX.get();

    /// Encodes the claim as one object.
    ///
    /// # Errors
    ///
    /// [`FormatError::Unencodable`] when its number has more than ten digits.
    pub fn encode(&self) -> Result<Bytes, FormatError> {
        if self.number > Self::MAX_NUMBER {
            return Err(FormatError::unencodable(format!(
                "the number {} of the claim has more than ten digits",
                self.number
            )));
        }
        let claim = cbor::encode("claim", |writer| {
            cbor::write_fields(
                writer,
                &[
                    (true, &|writer: &mut Writer| writer.bytes(&self.write_id.0).map(drop)),
                    (true, &|writer: &mut Writer| writer.str(self.session.agent.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.str(self.session.session.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.str(self.name.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.u64(self.number).map(drop)),
                    (true, &|writer: &mut Writer| writer.u64(self.search_from.get()).map(drop)),
                ],
            )
        })?;
        let header = cbor::encode("header", |writer| {
            writer.array(3)?.array(0)?.array(0)?.bytes(&claim)?;
            Ok(())
        })?;
        assemble(Magic::Claim, &header, &[])
    }

    /// Checks every byte of a whole claim and reads it.
    ///
    /// # Errors
    ///
    /// Any [`FormatError`] but `Unencodable` and `UnknownKind`.
    pub fn parse(object: &[u8]) -> Result<Self, FormatError> {
        match prologue::locate_header(Magic::Claim, object)? {
            Located::NeedMore(needed) => {
                Err(FormatError::Truncated { expected: needed as u64, found: object.len() as u64 })
            }
            Located::Header(range) => {
                trailer::check(object, range.end as u64)?;
                Self::decode(&object[range])
            }
        }
    }

    /// Checks that the claim belongs where it was found.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`], naming both places, when it does not.
    pub fn expect(&self, session: &SessionRef, name: &SnapshotName, number: u64) -> Result<(), FormatError> {
        if self.session == *session && self.name == *name && self.number == number {
            return Ok(());
        }
        Err(FormatError::corrupt(format!(
            "it is the claim {} to the name {:?} in {}, but lies where claim {number} to {:?} in {session} belongs",
            self.number,
            self.name.as_str(),
            self.session,
            name.as_str()
        )))
    }

    fn decode(header: &[u8]) -> Result<Self, FormatError> {
        let mut decoder = Decoder::new(header);
        let mut fields = Fields::open(&mut decoder, "header")?;
        features::read_required(&mut fields)?;
        features::read_optional(&mut fields)?;
        let claim = fields.required("claim", Decoder::bytes)?;
        fields.close()?;
        cbor::end(&decoder, "header")?;

        let mut decoder = Decoder::new(claim);
        let mut fields = Fields::open(&mut decoder, "claim")?;
        let write_id = WriteId(fields.required("write_id", cbor::fixed_bytes)?);
        let session = read_session(&mut fields)?;
        let name = fields.required("name", Decoder::str)?;
        let name = SnapshotName::parse(name).map_err(bad_field("name"))?;
        let number = fields.required("number", Decoder::u64)?;
        let search_from = fields.required("search_from", Decoder::u64)?;
        let search_from = SnapshotIndex::new(search_from).map_err(bad_field("search_from"))?;
        fields.close()?;
        cbor::end(&decoder, "claim")?;
        if number > Self::MAX_NUMBER {
            return Err(FormatError::corrupt(format!("its number {number} has more than ten digits")));
        }
        Ok(Self { write_id, session, name, number, search_from })
    }
}
