//! Documents: what an object looks like in MongoDB.
//!
//! | collection | document |
//! |---|---|
//! | `persist` | `{_id: KEY, version, size, modified, data}`, or `{_id: KEY, version, size, modified, set, chunk_size}` |
//! | `persist_chunks` | `{_id: "SET/0000000000", data}` |
//! | `persist_marks` | `{_id: SET, key: KEY, at, sweeping}`: a set of chunks that is perhaps superfluous |
//!
//! No two documents that were ever written have the same version. The name of a set of chunks is the version of the
//! document that it was written for.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};

/// Objects of more bytes are cut into chunks. A range of a smaller one is read as a whole, for MongoDB cannot cut it.
pub(crate) const INLINE_BYTES: usize = 1 << 20;
/// The size of a chunk that is written now.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// An object's document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) version: String,
    pub(crate) size: u64,
    pub(crate) modified_unix_ms: Option<i64>,
    pub(crate) content: Content,
}

/// Where an object's bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// In the document; empty where the request left them out.
    Inline(Vec<u8>),
    /// In a set of chunks, all but the last of that size.
    Chunks { set: String, chunk_size: u64 },
}

impl Stored {
    /// Reads a document; `None` when it is not one of the adapter's.
    pub(crate) fn read(mut document: Document) -> Option<Self> {
        let version = document.get_str("version").ok()?.to_owned();
        let size = u64::try_from(document.get_i64("size").ok()?).ok()?;
        let modified = document.get_datetime("modified").ok().map(|time| time.timestamp_millis());
        let content = match document.remove("set") {
            Some(Bson::String(set)) => {
                let chunk_size = u64::try_from(document.get_i64("chunk_size").ok()?).ok()?;
                Content::Chunks { set, chunk_size: Some(chunk_size).filter(|size| *size > 0)? }
            }
            Some(_) => return None,
            None => Content::Inline(data(&mut document).unwrap_or_default()),
        };
        Some(Self { version, size, modified_unix_ms: modified, content })
    }

    /// The set of chunks, if there is one.
    pub(crate) fn set(&self) -> Option<&str> {
        match &self.content {
            Content::Chunks { set, .. } => Some(set),
            Content::Inline(_) => None,
        }
    }
}

/// The document of an object whose bytes are in it.
pub(crate) fn inline(key: &str, bytes: &[u8], version: &str) -> Document {
    let mut document = head(key, bytes, version);
    document.insert("data", binary(bytes));
    document
}

/// The document of an object whose bytes are in a set of chunks.
pub(crate) fn chunked(key: &str, bytes: &[u8], set: &str) -> Document {
    let mut document = head(key, bytes, set);
    document.insert("set", set);
    document.insert("chunk_size", CHUNK_BYTES as i64);
    document
}

fn head(key: &str, bytes: &[u8], version: &str) -> Document {
    doc! { "_id": key, "version": version, "size": bytes.len() as i64, "modified": DateTime::now() }
}

/// A chunk's document.
pub(crate) fn chunk(set: &str, number: u64, bytes: &[u8]) -> Document {
    doc! { "_id": chunk_id(set, number), "data": binary(bytes) }
}

/// The `_id` of a chunk. Those of a set are neighbours, in the order of their numbers.
pub(crate) fn chunk_id(set: &str, number: u64) -> String {
    format!("{set}/{number:010}")
}

/// What all chunks of a set, and no others, match.
pub(crate) fn chunks_of(set: &str) -> Document {
    // A zero follows on a slash.
    doc! { "_id": { "$gte": format!("{set}/"), "$lt": format!("{set}0") } }
}

/// Takes the bytes out of a document.
pub(crate) fn data(document: &mut Document) -> Option<Vec<u8>> {
    match document.remove("data") {
        Some(Bson::Binary(binary)) => Some(binary.bytes),
        _ => None,
    }
}

fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_back() {
        let stored = Stored::read(inline("k", b"abc", "v")).unwrap();
        assert_eq!((stored.version.as_str(), stored.size), ("v", 3));
        assert_eq!(stored.content, Content::Inline(b"abc".to_vec()));
        let stored = Stored::read(chunked("k", b"abc", "s")).unwrap();
        assert_eq!((stored.set(), stored.version.as_str()), (Some("s"), "s"));
        assert!(stored.modified_unix_ms.is_some());
    }

    #[test]
    fn foreign_documents_are_none() {
        for document in [
            doc! {},
            doc! { "size": 3_i64 },
            doc! { "version": "v", "size": -1_i64 },
            doc! { "version": "v", "size": "3" },
            doc! { "version": "v", "size": 3_i64, "set": 7 },
            doc! { "version": "v", "size": 3_i64, "set": "s" },
            doc! { "version": "v", "size": 3_i64, "set": "s", "chunk_size": 0_i64 },
        ] {
            assert_eq!(Stored::read(document.clone()), None, "{document}");
        }
    }

    #[test]
    fn chunks_sort_by_their_numbers() {
        assert!(chunk_id("s", 9) < chunk_id("s", 10));
        assert!(*chunk_id("s", 0) > *"s/" && *chunk_id("s", u64::from(u32::MAX)) < *"s0");
    }
}
