//! Sets of chunks: they are written before the document that names them, and removed after it.

use std::future::IntoFuture as _;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use persist_plugin_api::Result;

use crate::adapter::MongoStorage;
use crate::documents::{CHUNK_BYTES, INLINE_BYTES, chunk, chunk_id, chunked, chunks_of, inline};
use crate::error::Call;

/// How many chunks are sent at once.
const CONCURRENCY: usize = 4;
/// A mark of this age is of a writer that is gone: no single object takes so long.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// How many abandoned sets are looked at in one go.
const SWEEP: i64 = 100;

/// An object that is ready to be named: its document, and the set of chunks that it names.
pub(crate) struct Prepared {
    pub(crate) document: Document,
    pub(crate) set: Option<String>,
}

impl MongoStorage {
    /// Writes the chunks of an object, if it is large, under a mark.
    pub(crate) async fn prepare(&self, call: Call<'_>, key: &str, data: &[u8]) -> Result<Prepared> {
        if data.len() <= INLINE_BYTES {
            return Ok(Prepared { document: inline(key, data), set: None });
        }
        let set = ObjectId::new().to_hex();
        self.mark(call, key, &set).await?;
        let collection = self.chunks().await?;
        let count = data.len().div_ceil(CHUNK_BYTES);
        let pieces = (0..count).map(|number| {
            let piece = &data[number * CHUNK_BYTES..data.len().min((number + 1) * CHUNK_BYTES)];
            self.write_chunk(call, &collection, &set, number as u64, piece)
        });
        // Boxed, since the compiler cannot see that these futures may change threads.
        let pieces: Vec<BoxFuture<'_, Result<()>>> = pieces.map(|piece| Box::pin(piece) as _).collect();
        stream::iter(pieces).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
        Ok(Prepared { document: chunked(key, data, &set), set: Some(set) })
    }

    async fn write_chunk(
        &self,
        call: Call<'_>,
        chunks: &Collection<Document>,
        set: &str,
        number: u64,
        piece: &[u8],
    ) -> Result<()> {
        let document = chunk(set, number, piece);
        let id = doc! { "_id": chunk_id(set, number) };
        let write = || chunks.replace_one(id.clone(), &document).upsert(true).into_future();
        self.repeat(call, write).await.map(drop)
    }

    /// Notes that nothing may name a set soon.
    pub(crate) async fn mark(&self, call: Call<'_>, key: &str, set: &str) -> Result<()> {
        let marks = self.marks().await?;
        let mark = doc! { "_id": set, "key": key, "at": DateTime::now() };
        let write = || marks.replace_one(doc! { "_id": set }, &mark).upsert(true).into_future();
        self.repeat(call, write).await.map(drop)
    }

    /// Removes the mark of a set that a document names.
    pub(crate) async fn keep(&self, call: Call<'_>, set: &str) -> Result<()> {
        let marks = self.marks().await?;
        self.repeat(call, || marks.delete_one(doc! { "_id": set }).into_future()).await.map(drop)
    }

    /// Removes a set that no document names, and its mark after it.
    pub(crate) async fn discard(&self, call: Call<'_>, set: &str) -> Result<()> {
        let chunks = self.chunks().await?;
        self.repeat(call, || chunks.delete_many(chunks_of(set)).into_future()).await?;
        self.keep(call, set).await
    }

    /// What follows a change that has happened: it must not make a failure of it. What is left undone is found by its
    /// mark.
    pub(crate) fn tidied(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            tracing::warn!(place = %self.place, %error, "chunks that are not needed stay for a day or longer");
        }
    }

    /// Removes what writers left that ended before they were done.
    pub(crate) async fn sweep(&self) -> Result<()> {
        let call = self.call("tidy", None);
        let marks = self.marks().await?;
        let before = DateTime::from_millis(
            DateTime::now().timestamp_millis() - i64::try_from(ABANDONED.as_millis()).unwrap_or(i64::MAX),
        );
        let abandoned = doc! { "at": { "$lt": before } };
        let find =
            || async { marks.find(abandoned.clone()).limit(SWEEP).await?.try_collect::<Vec<_>>().await };
        for mark in self.repeat(call, find).await? {
            let (Ok(set), Ok(key)) = (mark.get_str("_id"), mark.get_str("key")) else { continue };
            let objects = self.objects().await?;
            let named = doc! { "_id": key, "set": set };
            let find = || objects.find_one(named.clone()).projection(doc! { "_id": 1 }).into_future();
            match self.repeat(call, find).await? {
                Some(_) => self.keep(call, set).await?,
                None => self.discard(call, set).await?,
            }
        }
        Ok(())
    }
}
