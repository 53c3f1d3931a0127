//! Records: what occupies an index of a session.

use super::prologue::{self, Located, Magic};
use super::sections::Sections;
use super::storage::KIND_SNAPSHOT;
use super::trailer::TRAILER_LEN;
use super::{FormatError, Header, Mark, WriteId};
use crate::{SessionRef, SnapshotIndex};

/// What occupies an index of a session, as far as headers tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A snapshot.
    Snapshot(Box<Header>),
    /// A record that holds no snapshot.
    Mark(Mark),
}

/// What the first bytes of an object tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixParse<T = Record> {
    /// The header is complete and checked.
    Complete {
        /// What the object is.
        record: T,
        /// Where the body starts, in bytes from the start of the object.
        header_end: usize,
    },
    /// The header is longer than what was given: at least this many bytes from the start are needed.
    NeedMore(usize),
}

impl Record {
    /// Reads the header from the first bytes of an object, however many there are.
    ///
    /// # Errors
    ///
    /// Any [`FormatError`] but `Truncated` and `Unencodable`.
    pub fn parse_prefix(bytes: &[u8]) -> Result<PrefixParse, FormatError> {
        match prologue::locate_header(Magic::Snapshot, bytes)? {
            Located::NeedMore(needed) => Ok(PrefixParse::NeedMore(needed)),
            Located::Header(range) => {
                Ok(PrefixParse::Complete { header_end: range.end, record: Self::decode(&bytes[range])? })
            }
        }
    }

    /// The exact length of the whole object, in bytes, given where its header ends.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] when the lengths add up to more than 64 bits can hold.
    pub fn object_len(&self, header_end: usize) -> Result<u64, FormatError> {
        match self {
            Self::Snapshot(header) => header.object_len(header_end),
            Self::Mark(_) => Ok(header_end as u64 + TRAILER_LEN as u64),
        }
    }

    /// The session that the record belongs to.
    #[must_use]
    pub fn session(&self) -> SessionRef {
        match self {
            Self::Snapshot(header) => header.session(),
            Self::Mark(mark) => mark.session.clone(),
        }
    }

    /// The index that it occupies.
    #[must_use]
    pub fn snapshot_index(&self) -> SnapshotIndex {
        match self {
            Self::Snapshot(header) => header.identity.snapshot_index,
            Self::Mark(mark) => mark.snapshot_index,
        }
    }

    /// The attempt that wrote it; a stub has that of the snapshot whose place it took.
    #[must_use]
    pub fn write_id(&self) -> WriteId {
        match self {
            Self::Snapshot(header) => header.storage.write_id,
            Self::Mark(mark) => mark.write_id,
        }
    }

    /// The index at which its segment starts.
    #[must_use]
    pub fn segment_start(&self) -> SnapshotIndex {
        match self {
            Self::Snapshot(header) => header.storage.segment_start,
            Self::Mark(mark) => mark.segment_start,
        }
    }

    /// The digest that the next snapshot records as its predecessor's identity.
    ///
    /// # Errors
    ///
    /// As [`Mark::identity_digest`].
    pub fn identity_digest(&self) -> Result<[u8; 32], FormatError> {
        match self {
            Self::Snapshot(header) => Ok(header.identity_digest()),
            Self::Mark(mark) => mark.identity_digest(),
        }
    }

    /// The header, where it is a snapshot.
    #[must_use]
    pub fn into_snapshot(self) -> Option<Header> {
        match self {
            Self::Snapshot(header) => Some(*header),
            Self::Mark(_) => None,
        }
    }

    /// Checks that the record belongs where it was found.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`], naming both places, when it does not.
    pub fn expect_place(&self, session: &SessionRef, index: SnapshotIndex) -> Result<(), FormatError> {
        let (found_session, found_index) = (self.session(), self.snapshot_index());
        if found_session == *session && found_index == index {
            return Ok(());
        }
        Err(FormatError::corrupt(format!(
            "it is the record {found_session}@{found_index}, but lies where {session}@{index} belongs"
        )))
    }

    pub(super) fn decode(header: &[u8]) -> Result<Self, FormatError> {
        let sections = Sections::decode(header)?;
        match sections.kind()? {
            (KIND_SNAPSHOT, _) => Ok(Self::Snapshot(Box::new(Header::decode(&sections)?))),
            (kind, _) => Ok(Self::Mark(Mark::decode(kind, &sections)?)),
        }
    }
}
