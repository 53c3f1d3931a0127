//! Reading objects and asking about them.

use std::future::IntoFuture as _;
use std::ops::Range;

use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use persist_plugin_api::{Bytes, Error, ErrorCode, ObjectMeta, Result};

use crate::adapter::MongoStorage;
use crate::documents::{Content, Stored, chunk_id, data};
use crate::error::Call;

/// How often an object may be replaced while it is read.
const REPLACED: u32 = 5;
/// How many chunks one request asks for. The time of a request bounds the time of so many, not that of a whole object.
const RUN: u64 = 8;

impl MongoStorage {
    /// Reads an object, or a part of it.
    pub(crate) async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes> {
        let call = self.call("read", Some(key));
        let mut before: Option<String> = None;
        for _ in 0..REPLACED {
            let stored = self.find(call, key, doc! {}).await?.ok_or_else(|| Error::not_found(key))?;
            let range = cut(range.clone(), stored.size);
            let (set, chunk_size) = match stored.content {
                Content::Inline(bytes) => {
                    if bytes.len() as u64 != stored.size {
                        return Err(damaged(&call, "its document has not as many bytes as it says"));
                    }
                    // Both are at most the length, which is a `usize`.
                    return Ok(Bytes::from(bytes).slice(range.start as usize..range.end as usize));
                }
                Content::Chunks { set, chunk_size } => (set, chunk_size),
            };
            if let Some(bytes) = self.gather(call, &set, chunk_size, range).await? {
                return Ok(bytes);
            }
            // A writer that replaced the object has removed the chunks. The document names others by now.
            if before.as_deref() == Some(&set) {
                return Err(damaged(&call, "chunks that its document names are missing"));
            }
            before = Some(set);
        }
        Err(call.error(ErrorCode::UNAVAILABLE, "it was replaced again and again").retryable(true))
    }

    /// What is known of an object.
    pub(crate) async fn measure(&self, key: &str) -> Result<ObjectMeta> {
        let found = self.find(self.call("ask about", Some(key)), key, doc! { "data": 0 }).await?;
        let stored = found.ok_or_else(|| Error::not_found(key))?;
        Ok(ObjectMeta::new(key, stored.size).with_modified_unix_ms(stored.modified_unix_ms))
    }

    /// An object's document, if there is one.
    pub(crate) async fn find(
        &self,
        call: Call<'_>,
        key: &str,
        projection: Document,
    ) -> Result<Option<Stored>> {
        let objects = self.objects().await?;
        let find = || objects.find_one(doc! { "_id": key }).projection(projection.clone()).into_future();
        let Some(document) = self.repeat(call, find).await? else { return Ok(None) };
        let stored = Stored::read(document);
        stored.map(Some).ok_or_else(|| damaged(&call, "its document is not one that Persist writes"))
    }

    /// Reads a part of a set of chunks; `None` when chunks are missing.
    async fn gather(
        &self,
        call: Call<'_>,
        set: &str,
        chunk_size: u64,
        range: Range<u64>,
    ) -> Result<Option<Bytes>> {
        if range.is_empty() {
            return Ok(Some(Bytes::new()));
        }
        let (first, last) = (range.start / chunk_size, (range.end - 1) / chunk_size);
        let mut bytes = Vec::new();
        let mut next = first;
        while next <= last {
            let end = last.min(next + (RUN - 1));
            let Some(run) = self.gather_run(call, set, next, end).await? else { return Ok(None) };
            bytes.extend_from_slice(&run);
            next = end + 1;
        }
        let (start, length) = (range.start - first * chunk_size, range.end - range.start);
        // The chunks are in memory, so that their length is a `usize`; what is beyond it is missing.
        let (Ok(start), Ok(length)) = (usize::try_from(start), usize::try_from(length)) else {
            return Ok(None);
        };
        if bytes.len() < start.saturating_add(length) {
            return Ok(None);
        }
        Ok(Some(Bytes::from(bytes).slice(start..start + length)))
    }

    /// Reads neighbouring chunks of a set, in one request; `None` when one is missing.
    async fn gather_run(&self, call: Call<'_>, set: &str, first: u64, last: u64) -> Result<Option<Vec<u8>>> {
        let chunks = self.chunks().await?;
        let filter = doc! { "_id": { "$gte": chunk_id(set, first), "$lte": chunk_id(set, last) } };
        let read = || async {
            let mut bytes = Vec::new();
            let mut cursor = chunks.find(filter.clone()).sort(doc! { "_id": 1 }).await?;
            let mut expected = first;
            while let Some(mut document) = cursor.try_next().await? {
                let found = document.get_str("_id").is_ok_and(|id| id == chunk_id(set, expected));
                let Some(data) = data(&mut document).filter(|_| found) else { return Ok(None) };
                bytes.extend_from_slice(&data);
                expected += 1;
            }
            Ok(Some(bytes).filter(|_| expected == last + 1))
        };
        self.repeat(call, read).await
    }
}

/// The part of a range that an object of a size has.
fn cut(range: Option<Range<u64>>, size: u64) -> Range<u64> {
    let Some(range) = range else { return 0..size };
    let end = range.end.min(size);
    range.start.min(end)..end
}

fn damaged(call: &Call<'_>, finding: &str) -> Error {
    call.error(ErrorCode::CORRUPT, finding)
}

#[cfg(test)]
mod tests {
    #[test]
    fn ranges_are_cut_at_the_end() {
        assert_eq!(super::cut(None, 4), 0..4);
        assert_eq!(super::cut(Some(1..3), 4), 1..3);
        assert_eq!(super::cut(Some(2..99), 4), 2..4);
        assert_eq!(super::cut(Some(9..99), 4), 4..4);
        assert_eq!(super::cut(Some(std::ops::Range { start: 3, end: 1 }), 4), 1..1);
    }
}
