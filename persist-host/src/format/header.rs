//! The header of a snapshot object: named features, identity and storage.

use bytes::Bytes;
use minicbor::Decoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::cbor::{self, Fields, Writer};
use super::prologue::{self, Located, Magic};
use super::trailer::TRAILER_LEN;
use super::{ContentHash, FormatError, Frame, Identity, Storage, frame};
use crate::{SessionRef, SnapshotIndex};

/// A part of the format that not every release knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// The release of Persist that introduced it.
    pub release: String,
}

/// What an object says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Features that a reader must have. Reading refuses an object that lists one it does not know.
    pub required: Vec<Feature>,
    /// Features that a reader may ignore.
    pub optional: Vec<Feature>,
    /// The identity section as it is stored, to be carried along byte for byte.
    pub identity_bytes: Bytes,
    /// The identity section.
    pub identity: Identity,
    /// The storage section.
    pub storage: Storage,
}

/// What the first bytes of an object tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixParse {
    /// The header is complete and checked.
    Complete {
        /// The header.
        header: Box<Header>,
        /// Where the body starts, in bytes from the start of the object.
        header_end: usize,
    },
    /// The header is longer than what was given: at least this many bytes from the start are needed.
    NeedMore(usize),
}

impl Header {
    /// Joins the two sections of a new snapshot.
    ///
    /// # Errors
    ///
    /// [`FormatError::Unencodable`] when the sections contradict each other or break a rule of the format.
    pub fn new(identity: Identity, storage: Storage) -> Result<Self, FormatError> {
        let identity_bytes = identity.encode()?.into();
        let header = Self { required: Vec::new(), optional: Vec::new(), identity_bytes, identity, storage };
        match header.broken_rule() {
            Some(rule) => Err(FormatError::unencodable(rule)),
            None => Ok(header),
        }
    }

    /// Reads the header from the first bytes of a snapshot object, however many there are.
    ///
    /// # Errors
    ///
    /// Any [`FormatError`] but `Truncated` and `Unencodable`.
    pub fn parse_prefix(bytes: &[u8]) -> Result<PrefixParse, FormatError> {
        match prologue::locate_header(Magic::Snapshot, bytes)? {
            Located::NeedMore(needed) => Ok(PrefixParse::NeedMore(needed)),
            Located::Header(range) => Ok(PrefixParse::Complete {
                header_end: range.end,
                header: Box::new(Self::decode(&bytes[range])?),
            }),
        }
    }

    /// The exact length of the whole object, in bytes, given where its header ends.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] when the lengths add up to more than 64 bits can hold.
    pub fn object_len(&self, header_end: usize) -> Result<u64, FormatError> {
        self.storage
            .body_len()?
            .checked_add(header_end as u64 + TRAILER_LEN as u64)
            .ok_or_else(|| FormatError::corrupt("its lengths add up to more than 2^64 bytes"))
    }

    /// The session that the snapshot belongs to.
    #[must_use]
    pub fn session(&self) -> SessionRef {
        SessionRef::new(self.identity.agent_id.clone(), self.identity.session_id.clone())
    }

    /// The SHA-256 of the identity section, which the next snapshot of the session records.
    #[must_use]
    pub fn identity_digest(&self) -> [u8; 32] {
        Sha256::digest(&self.identity_bytes).into()
    }

    /// Checks that the object belongs where it was found.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`], naming both places, when it does not.
    pub fn expect_identity(&self, session: &SessionRef, index: SnapshotIndex) -> Result<(), FormatError> {
        let found = &self.identity;
        if found.agent_id == session.agent
            && found.session_id == session.session
            && found.snapshot_index == index
        {
            return Ok(());
        }
        Err(FormatError::corrupt(format!(
            "it is the snapshot {}@{}, but lies where {session}@{index} belongs",
            self.session(),
            found.snapshot_index
        )))
    }

    /// Checks the uncompressed bytes of frame number `at`.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] when their length or digest is not the one in the header.
    pub fn expect_frame(&self, at: usize, raw: &[u8]) -> Result<(), FormatError> {
        let Some(frame) = self.storage.frames.get(at) else {
            return Err(FormatError::corrupt(format!("it has no frame {at}")));
        };
        if raw.len() as u64 != frame.raw_len {
            return Err(FormatError::corrupt(format!(
                "its frame {at} holds {} bytes, expected {}",
                raw.len(),
                frame.raw_len
            )));
        }
        let expected = frame.digest.unwrap_or_else(|| frame::shorten(self.identity.content_hash));
        if Frame::digest_of(raw) != expected {
            return Err(FormatError::corrupt(format!("the content of its frame {at} has another SHA-256")));
        }
        Ok(())
    }

    /// Checks a whole restored state.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] when its length or hash is not the one in the header.
    pub fn expect_content(&self, state: &[u8]) -> Result<(), FormatError> {
        let expected = &self.identity;
        if state.len() as u64 != expected.content_length {
            return Err(FormatError::corrupt(format!(
                "its content has {} bytes, expected {}",
                state.len(),
                expected.content_length
            )));
        }
        let found = ContentHash::of(state);
        if found != expected.content_hash {
            return Err(FormatError::corrupt(format!(
                "its content has the SHA-256 {found}, expected {}",
                expected.content_hash
            )));
        }
        Ok(())
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let storage = self.storage.encode(self.identity.snapshot_index)?;
        cbor::encode("header", |writer| {
            cbor::write_fields(
                writer,
                &[
                    (true, &|writer: &mut Writer| write_features(writer, &self.required)),
                    (true, &|writer: &mut Writer| write_features(writer, &self.optional)),
                    (true, &|writer: &mut Writer| writer.bytes(&self.identity_bytes).map(drop)),
                    (true, &|writer: &mut Writer| writer.bytes(&storage).map(drop)),
                ],
            )
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut decoder = Decoder::new(bytes);
        let mut fields = Fields::open(&mut decoder, "header")?;
        let required = read_required(&mut fields)?;
        let optional = fields.list("optional features", read_feature)?;
        let identity_bytes = fields.required("identity", Decoder::bytes)?;
        let storage = fields.required("storage", Decoder::bytes)?;
        fields.close()?;
        cbor::end(&decoder, "header")?;
        let identity = Identity::decode(identity_bytes)?;
        let storage = Storage::decode(storage, identity.snapshot_index)?;
        let identity_bytes = Bytes::copy_from_slice(identity_bytes);
        let header = Self { required, optional, identity_bytes, identity, storage };
        match header.broken_rule() {
            Some(rule) => Err(FormatError::corrupt(rule)),
            None => Ok(header),
        }
    }

    fn broken_rule(&self) -> Option<String> {
        let identity = &self.identity;
        identity
            .broken_rule()
            .or_else(|| self.storage.broken_rule(identity.snapshot_index, identity.content_length))
    }
}

/// Writes a list of features.
pub(super) fn write_features(writer: &mut Writer, features: &[Feature]) -> cbor::WriteResult {
    writer.array(features.len() as u64)?;
    for feature in features {
        writer.array(2)?.str(&feature.name)?.str(&feature.release)?;
    }
    Ok(())
}

/// Reads the list of required features, and refuses the first one; this release knows none.
pub(super) fn read_required(fields: &mut Fields<'_, '_>) -> Result<Vec<Feature>, FormatError> {
    let required = fields.list("required features", read_feature)?;
    match required.first() {
        Some(Feature { name, release }) => {
            Err(FormatError::UnknownFeature { name: name.clone(), release: release.clone() })
        }
        None => Ok(required),
    }
}

/// Reads one feature of a list.
pub(super) fn read_feature(decoder: &mut Decoder<'_>) -> Result<Feature, FormatError> {
    let mut fields = Fields::open(decoder, "feature")?;
    let name = fields.required("name", Decoder::str)?.to_owned();
    let release = fields.required("release", Decoder::str)?.to_owned();
    fields.close()?;
    Ok(Feature { name, release })
}

/// The release of the first required feature in a header of any version.
///
/// All versions start their header with the required features, so that an older reader can say what to
/// install.
pub(super) fn first_release(header: &[u8]) -> Option<String> {
    let mut decoder = Decoder::new(header);
    let mut fields = Fields::open(&mut decoder, "header").ok()?;
    let required = fields.list("required features", read_feature).ok()?;
    required.into_iter().next().map(|feature| feature.release)
}
