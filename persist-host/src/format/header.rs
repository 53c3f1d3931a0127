//! The header of a snapshot object: named features, identity and storage.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::features::{self, Feature};
use super::sections::Sections;
use super::{ContentHash, FormatError, Frame, Identity, Storage, frame};
use crate::{SessionRef, SnapshotIndex};

/// What a snapshot's object says about itself.
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

impl Header {
    /// Joins the two sections of a new snapshot.
    ///
    /// # Errors
    ///
    /// [`FormatError::Unencodable`] when the sections contradict each other or break a rule of the format.
    pub fn new(identity: Identity, storage: Storage) -> Result<Self, FormatError> {
        let identity_bytes = identity.encode()?.into();
        Self::with_identity(identity, identity_bytes, storage)
    }

    /// Puts a snapshot into another stored form. `identity_bytes` are those of its header, kept byte for byte.
    ///
    /// # Errors
    ///
    /// As [`Header::new`].
    pub fn restored_as(&self, storage: Storage) -> Result<Self, FormatError> {
        Self::with_identity(self.identity.clone(), self.identity_bytes.clone(), storage)
    }

    fn with_identity(
        identity: Identity,
        identity_bytes: Bytes,
        storage: Storage,
    ) -> Result<Self, FormatError> {
        let required = storage.delta.iter().map(|_| features::DELTA.to_feature()).collect();
        let header = Self { required, optional: Vec::new(), identity_bytes, identity, storage };
        match header.broken_rule() {
            Some(rule) => Err(FormatError::unencodable(rule)),
            None => Ok(header),
        }
    }

    /// The exact length of the whole object, in bytes, given where its header ends.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] when the lengths add up to more than 64 bits can hold.
    pub fn object_len(&self, header_end: usize) -> Result<u64, FormatError> {
        self.storage.object_len(header_end)
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
        let expected = match (frame.digest, &self.storage.delta) {
            (Some(digest), _) => digest,
            (None, None) => frame::shorten(self.identity.content_hash),
            // The one frame of a delta is covered by the object's own digest, and the state by its hash.
            (None, Some(_)) => return Ok(()),
        };
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
        self.expect_hash(state.len() as u64, ContentHash::of(state))
    }

    /// As [`expect_content`](Self::expect_content), for a state whose hash is known.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] when its length or hash is not the one in the header.
    pub fn expect_hash(&self, length: u64, hash: ContentHash) -> Result<(), FormatError> {
        check_content((self.identity.content_length, self.identity.content_hash), (length, hash))
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let storage = self.storage.encode(self.identity.snapshot_index)?;
        let sections = Sections {
            required: self.required.clone(),
            optional: self.optional.clone(),
            identity: &self.identity_bytes,
            storage: &storage,
        };
        sections.encode()
    }

    /// Joins the sections of a stored snapshot.
    pub(super) fn decode(sections: &Sections<'_>) -> Result<Self, FormatError> {
        let identity = Identity::decode(sections.identity)?;
        let storage = Storage::decode(sections.storage, identity.snapshot_index)?;
        let header = Self {
            required: sections.required.clone(),
            optional: sections.optional.clone(),
            identity_bytes: Bytes::copy_from_slice(sections.identity),
            identity,
            storage,
        };
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

/// Checks that content has the length and the hash that a header states.
pub(super) fn check_content(
    expected: (u64, ContentHash),
    found: (u64, ContentHash),
) -> Result<(), FormatError> {
    let ((length, hash), (found_length, found_hash)) = (expected, found);
    if found_length != length {
        return Err(FormatError::corrupt(format!("its content has {found_length} bytes, expected {length}")));
    }
    if found_hash != hash {
        return Err(FormatError::corrupt(format!(
            "its content has the SHA-256 {found_hash}, expected {hash}"
        )));
    }
    Ok(())
}
