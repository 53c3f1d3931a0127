//! Whole snapshot objects: prologue, header, body and trailer.

use bytes::Bytes;

use super::prologue::{self, Magic, PROLOGUE_LEN};
use super::trailer::{self, TRAILER_LEN};
use super::{FormatError, Frame, Header, Mark, PrefixParse, Record, Storage};

/// A whole snapshot object whose every stored byte was checked.
#[derive(Clone, Debug)]
pub struct SnapshotObject {
    header: Header,
    header_end: usize,
    bytes: Bytes,
}

impl SnapshotObject {
    /// Encodes an object in one allocation of its exact size. `frames` are the frames as they are stored.
    ///
    /// # Errors
    ///
    /// [`FormatError::Unencodable`] when `frames` are not those that the header describes, or when the
    /// header is longer than [`MAX_HEADER_LEN`](super::MAX_HEADER_LEN).
    pub fn encode(header: &Header, frames: &[Bytes]) -> Result<Bytes, FormatError> {
        let parts = Self::parts(header, frames)?;
        Ok(parts.copy().finish(&parts.digest()))
    }

    /// The parts of an object, for a caller that joins them and hashes them at the same time.
    ///
    /// # Errors
    ///
    /// As [`encode`](SnapshotObject::encode).
    pub(crate) fn parts(header: &Header, frames: &[Bytes]) -> Result<Parts, FormatError> {
        let described = header.storage.frames.iter().map(|frame| frame.stored_len);
        if !described.eq(frames.iter().map(|frame| frame.len() as u64)) {
            return Err(FormatError::unencodable("the frames are not those that the header describes"));
        }
        Parts::new(Magic::Snapshot, &header.encode()?, frames)
    }

    /// Checks every byte of a whole object and keeps it.
    ///
    /// The content is not decompressed: check it with [`Header::expect_frame`] and
    /// [`Header::expect_content`] once it is.
    ///
    /// # Errors
    ///
    /// Any [`FormatError`] but `Unencodable`. Whatever byte was changed, added or lost, the error
    /// [is damage](FormatError::is_damage).
    pub fn parse(bytes: Bytes) -> Result<Self, FormatError> {
        match RecordObject::parse(bytes)? {
            RecordObject::Snapshot(object) => Ok(*object),
            RecordObject::Mark(_) => Err(FormatError::corrupt("it holds no snapshot, but a mark")),
        }
    }

    /// The digest in the object's trailer, over all its bytes before that.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(&self.bytes[self.bytes.len() - 32..]);
        digest
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header, without the rest.
    #[must_use]
    pub fn into_header(self) -> Header {
        self.header
    }

    /// The whole object as it is stored.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The frames with their stored bytes, which are shared, not copied.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = (&Frame, Bytes)> {
        frames_of(&self.header.storage, &self.bytes, self.header_end)
    }
}

/// A whole record whose every stored byte was checked.
#[derive(Clone, Debug)]
pub enum RecordObject {
    /// A snapshot.
    Snapshot(Box<SnapshotObject>),
    /// A record that occupies an index without holding a snapshot.
    Mark(Mark),
}

impl RecordObject {
    /// Checks every byte of a whole object and keeps it.
    ///
    /// # Errors
    ///
    /// As [`SnapshotObject::parse`].
    pub fn parse(bytes: Bytes) -> Result<Self, FormatError> {
        Ok(match check(&bytes)? {
            (Record::Snapshot(header), header_end) => {
                Self::Snapshot(Box::new(SnapshotObject { header: *header, header_end, bytes }))
            }
            (Record::Mark(mark), _) => Self::Mark(mark),
        })
    }
}

/// Checks every byte of a whole record, and the content too where no transform has to be undone for it.
///
/// # Errors
///
/// As [`SnapshotObject::parse`].
pub fn verify_object(object: &[u8]) -> Result<Record, FormatError> {
    let (record, header_end) = check(object)?;
    if let Record::Snapshot(header) = &record
        && header.storage.transforms.is_empty()
    {
        let body = &object[header_end..object.len() - TRAILER_LEN];
        let mut rest = body;
        for (at, frame) in header.storage.frames.iter().enumerate() {
            let (raw, after) = rest.split_at(frame.stored_len as usize);
            header.expect_frame(at, raw)?;
            rest = after;
        }
        if header.storage.delta.is_none() {
            header.expect_content(body)?;
        }
    }
    Ok(record)
}

/// Puts an object together in one allocation of its exact size.
pub(super) fn assemble(magic: Magic, header: &[u8], frames: &[Bytes]) -> Result<Bytes, FormatError> {
    let parts = Parts::new(magic, header, frames)?;
    Ok(parts.copy().finish(&parts.digest()))
}

/// An object that is not in one piece yet.
pub(crate) struct Parts {
    /// The prologue and the header.
    start: Vec<u8>,
    frames: Vec<Bytes>,
}

/// An object without its trailer.
pub(crate) struct Untrailed(Vec<u8>);

impl Parts {
    fn new(magic: Magic, header: &[u8], frames: &[Bytes]) -> Result<Self, FormatError> {
        let mut start = Vec::with_capacity(PROLOGUE_LEN + header.len());
        prologue::write(magic, header, &mut start)?;
        start.extend_from_slice(header);
        Ok(Self { start, frames: frames.to_vec() })
    }

    /// The length of the object, in bytes.
    pub(crate) fn object_len(&self) -> usize {
        self.start.len() + self.frames.iter().map(Bytes::len).sum::<usize>() + TRAILER_LEN
    }

    /// The digest for the trailer. CPU work.
    pub(crate) fn digest(&self) -> [u8; 32] {
        trailer::digest([&self.start[..]].into_iter().chain(self.frames.iter().map(|frame| &frame[..])))
    }

    /// Joins the parts in one allocation of the object's exact size.
    pub(crate) fn copy(&self) -> Untrailed {
        let mut object = Vec::with_capacity(self.object_len());
        object.extend_from_slice(&self.start);
        for frame in &self.frames {
            object.extend_from_slice(frame);
        }
        Untrailed(object)
    }
}

impl Untrailed {
    /// The object; `digest` is that of its parts.
    pub(crate) fn finish(self, digest: &[u8; 32]) -> Bytes {
        let Self(mut object) = self;
        trailer::append(&mut object, digest);
        object.into()
    }
}

/// The frames of an object whose length was checked, with their stored bytes.
pub(super) fn frames_of<'a>(
    storage: &'a Storage,
    bytes: &'a Bytes,
    header_end: usize,
) -> impl ExactSizeIterator<Item = (&'a Frame, Bytes)> {
    let mut start = header_end;
    storage.frames.iter().map(move |frame| {
        // The sum of all lengths was checked against the length of the object, which fits.
        let end = start + frame.stored_len as usize;
        let body = bytes.slice(start..end);
        start = end;
        (frame, body)
    })
}

fn check(object: &[u8]) -> Result<(Record, usize), FormatError> {
    match Record::parse_prefix(object)? {
        PrefixParse::NeedMore(needed) => {
            Err(FormatError::Truncated { expected: needed as u64, found: object.len() as u64 })
        }
        PrefixParse::Complete { record, header_end } => {
            let start = record.object_len(header_end)? - TRAILER_LEN as u64;
            trailer::check(object, start)?;
            Ok((record, header_end))
        }
    }
}
