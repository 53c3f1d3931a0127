//! Attachments: small named objects beside a snapshot, each with its own versions.

use bytes::Bytes;
use minicbor::Decoder;

use super::cbor::{self, Fields, Writer};
use super::header::check_content;
use super::identity::{bad_field, read_index, read_session};
use super::object::{assemble, frames_of};
use super::prologue::{self, Located, Magic};
use super::sections::Sections;
use super::trailer::{self, TRAILER_LEN};
use super::{ContentHash, FormatError, Frame, PrefixParse, Storage, Timestamp};
use crate::{AttachmentName, SessionRef, SnapshotIndex};

/// What an attachment's object says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The session.
    pub session: SessionRef,
    /// The snapshot that it belongs to.
    pub snapshot_index: SnapshotIndex,
    /// Its name among the attachments of that snapshot.
    pub name: AttachmentName,
    /// Its version, from 0; at most [`Attachment::MAX_VERSION`]. The highest one there is counts.
    pub version: u64,
    /// When it was attached, by the clock of the program that attached it.
    pub timestamp: Timestamp,
    /// The SHA-256 of the content.
    pub content_hash: ContentHash,
    /// The length of the content, in bytes.
    pub content_length: u64,
    /// The media type; `None` stands for [`Attachment::DEFAULT_MEDIA_TYPE`].
    pub media_type: Option<String>,
    /// How the object holds the content: as a full snapshot would.
    pub storage: Storage,
}

impl Attachment {
    /// The highest version: ten decimal digits, its width in a storage key.
    pub const MAX_VERSION: u64 = SnapshotIndex::MAX.get();

    /// The media type of an attachment that names none.
    pub const DEFAULT_MEDIA_TYPE: &str = "application/octet-stream";

    /// The media type, with the default filled in.
    #[must_use]
    pub fn media_type(&self) -> &str {
        self.media_type.as_deref().unwrap_or(Self::DEFAULT_MEDIA_TYPE)
    }

    /// Encodes the attachment as one object. `frames` are the frames as they are stored.
    ///
    /// # Errors
    ///
    /// [`FormatError::Unencodable`] when `frames` are not those that the storage section describes, when a value is
    /// out of range, or when the header is longer than [`MAX_HEADER_LEN`](super::MAX_HEADER_LEN).
    pub fn encode(&self, frames: &[Bytes]) -> Result<Bytes, FormatError> {
        if let Some(rule) = self.broken_rule() {
            return Err(FormatError::unencodable(rule));
        }
        let described = self.storage.frames.iter().map(|frame| frame.stored_len);
        if !described.eq(frames.iter().map(|frame| frame.len() as u64)) {
            return Err(FormatError::unencodable("the frames are not those that the header describes"));
        }
        let identity = self.encode_identity()?;
        let storage = self.storage.encode(self.snapshot_index)?;
        let sections =
            Sections { required: Vec::new(), optional: Vec::new(), identity: &identity, storage: &storage };
        assemble(Magic::Attachment, &sections.encode()?, frames)
    }

    /// Reads the header from the first bytes of an object, however many there are.
    ///
    /// # Errors
    ///
    /// Any [`FormatError`] but `Truncated` and `Unencodable`.
    pub fn parse_prefix(bytes: &[u8]) -> Result<PrefixParse<Self>, FormatError> {
        match prologue::locate_header(Magic::Attachment, bytes)? {
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
        self.storage.object_len(header_end)
    }

    /// Checks the whole content.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] when its length or hash is not the one in the header.
    pub fn expect_content(&self, content: &[u8]) -> Result<(), FormatError> {
        check_content(
            (self.content_length, self.content_hash),
            (content.len() as u64, ContentHash::of(content)),
        )
    }

    fn encode_identity(&self) -> Result<Vec<u8>, FormatError> {
        cbor::encode("identity", |writer| {
            cbor::write_fields(
                writer,
                &[
                    (true, &|writer: &mut Writer| writer.str(self.session.agent.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.str(self.session.session.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.u64(self.snapshot_index.get()).map(drop)),
                    (true, &|writer: &mut Writer| writer.str(self.name.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.u64(self.version).map(drop)),
                    (true, &|writer: &mut Writer| writer.i64(self.timestamp.as_micros()).map(drop)),
                    (true, &|writer: &mut Writer| writer.bytes(&self.content_hash.0).map(drop)),
                    (true, &|writer: &mut Writer| writer.u64(self.content_length).map(drop)),
                    (self.media_type.is_some(), &|writer: &mut Writer| {
                        writer.str(self.media_type()).map(drop)
                    }),
                ],
            )
        })
    }

    fn decode(header: &[u8]) -> Result<Self, FormatError> {
        let sections = Sections::decode(header)?;
        let mut decoder = Decoder::new(sections.identity);
        let mut fields = Fields::open(&mut decoder, "identity")?;
        let session = read_session(&mut fields)?;
        let snapshot_index = read_index(&mut fields)?;
        let name = fields.required("name", Decoder::str)?;
        let name = AttachmentName::parse(name).map_err(bad_field("name"))?;
        let version = fields.required("version", Decoder::u64)?;
        let timestamp = Timestamp::from_micros(fields.required("timestamp", Decoder::i64)?)?;
        let content_hash = ContentHash(fields.required("content_hash", cbor::fixed_bytes)?);
        let content_length = fields.required("content_length", Decoder::u64)?;
        let media_type = fields.optional("media_type", Decoder::str)?.map(str::to_owned);
        fields.close()?;
        cbor::end(&decoder, "identity")?;
        let attachment = Self {
            session,
            snapshot_index,
            name,
            version,
            timestamp,
            content_hash,
            content_length,
            media_type,
            storage: Storage::decode(sections.storage, snapshot_index)?,
        };
        match attachment.broken_rule() {
            Some(rule) => Err(FormatError::corrupt(rule)),
            None => Ok(attachment),
        }
    }

    /// The rule that the values break, if they break one.
    fn broken_rule(&self) -> Option<String> {
        if self.version > Self::MAX_VERSION {
            return Some(format!("its version {} has more than ten digits", self.version));
        }
        if self.storage.delta.is_some() || self.storage.segment_start != self.snapshot_index {
            return Some("it builds on other objects, which an attachment cannot".to_owned());
        }
        self.storage.broken_rule(self.snapshot_index, self.content_length)
    }
}

/// A whole attachment whose every stored byte was checked.
#[derive(Clone, Debug)]
pub struct AttachmentObject {
    attachment: Attachment,
    header_end: usize,
    bytes: Bytes,
}

impl AttachmentObject {
    /// Checks every byte of a whole object and keeps it.
    ///
    /// The content is not decompressed: check it with [`Attachment::expect_content`] once it is.
    ///
    /// # Errors
    ///
    /// Any [`FormatError`] but `Unencodable`. Whatever byte was changed, added or lost, the error
    /// [is damage](FormatError::is_damage).
    pub fn parse(bytes: Bytes) -> Result<Self, FormatError> {
        match Attachment::parse_prefix(&bytes)? {
            PrefixParse::NeedMore(needed) => {
                Err(FormatError::Truncated { expected: needed as u64, found: bytes.len() as u64 })
            }
            PrefixParse::Complete { record: attachment, header_end } => {
                trailer::check(&bytes, attachment.object_len(header_end)? - TRAILER_LEN as u64)?;
                Ok(Self { attachment, header_end, bytes })
            }
        }
    }

    /// What it says about itself.
    #[must_use]
    pub fn attachment(&self) -> &Attachment {
        &self.attachment
    }

    /// The length of the object, in bytes.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The frames with their stored bytes, which are shared, not copied.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = (&Frame, Bytes)> {
        frames_of(&self.attachment.storage, &self.bytes, self.header_end)
    }
}
