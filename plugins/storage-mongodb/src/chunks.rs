//! Sets of chunks: they are written before the document that names them, and removed after it.
//!
//! A set that perhaps no document names has a mark with the time, by the server's clock, at which a writer was last seen.
//! Whoever removes the set of a writer that seems to be gone claims the mark first; the writer renews it right before
//! its document, and does not write a document when the mark is gone or claimed.

use std::future::IntoFuture as _;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use persist_plugin_api::{Error, ErrorCode, Result};

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
    pub(crate) version: String,
    pub(crate) set: Option<String>,
}

impl MongoStorage {
    /// Makes an object's document under a new version, and writes its chunks, if it is large, under a mark.
    pub(crate) async fn prepare(&self, call: Call<'_>, key: &str, data: &[u8]) -> Result<Prepared> {
        let version = ObjectId::new().to_hex();
        if data.len() <= INLINE_BYTES {
            return Ok(Prepared { document: inline(key, data, &version), version, set: None });
        }
        let set = version.clone();
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
        Ok(Prepared { document: chunked(key, data, &set), version, set: Some(set) })
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
        match self.repeat(call, write).await {
            // An attempt whose answer was lost came at the same time, with the same bytes.
            Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Notes that perhaps nothing names a set soon.
    pub(crate) async fn mark(&self, call: Call<'_>, key: &str, set: &str) -> Result<()> {
        let marks = self.marks().await?;
        let note = doc! { "$set": { "key": key }, "$currentDate": { "at": true } };
        let write = |_| async {
            match self.attempt(call, marks.update_one(doc! { "_id": set }, note.clone()).upsert(true)).await {
                // Two that find no mark both insert one; the loser finds one the next time.
                Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => Err(call.overtaken()),
                outcome => outcome,
            }
        };
        self.settings.retry.repeat(call.verb, write).await.map(drop)
    }

    /// Notes that the writer of a set is still there, right before the document that names the set.
    ///
    /// # Errors
    /// One that is retryable and not applied when the set was given up meanwhile, as that of a writer that is gone.
    pub(crate) async fn renew(&self, call: Call<'_>, set: &str) -> Result<()> {
        let marks = self.marks().await?;
        let unclaimed = doc! { "_id": set, "sweeping": { "$exists": false } };
        let now = doc! { "$currentDate": { "at": true } };
        // Whoever writes the document repeats both.
        let renewed = self.attempt(call, marks.update_one(unclaimed, now)).await.map_err(unsent)?;
        if renewed.matched_count == 1 {
            return Ok(());
        }
        let finding = "writing its chunks took so long that others removed them; save it again";
        Err(call.error(ErrorCode::UNAVAILABLE, finding).retryable(true).not_applied(true))
    }

    /// Removes the mark of a set that a document names.
    pub(crate) async fn keep(&self, call: Call<'_>, set: &str) -> Result<()> {
        let marks = self.marks().await?;
        self.repeat(call, || marks.delete_one(doc! { "_id": set }).into_future()).await.map(drop)
    }

    /// Removes a set that no document names or will name, and its mark after it.
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

    /// Removes what writers left that ended before they were done. `now` is the time by the server's clock.
    pub(crate) async fn sweep(&self, now: DateTime) -> Result<()> {
        let call = self.call("tidy", None);
        let marks = self.marks().await?;
        let day = i64::try_from(ABANDONED.as_millis()).unwrap_or(i64::MAX);
        let before = DateTime::from_millis(now.timestamp_millis().saturating_sub(day));
        let abandoned = doc! { "at": { "$lt": before } };
        let find =
            || async { marks.find(abandoned.clone()).limit(SWEEP).await?.try_collect::<Vec<_>>().await };
        for mark in self.repeat(call, find).await? {
            let (Ok(set), Ok(key), Ok(at)) =
                (mark.get_str("_id"), mark.get_str("key"), mark.get_datetime("at"))
            else {
                continue;
            };
            if !self.claim(call, set, *at).await? {
                continue;
            }
            let objects = self.objects().await?;
            let named = doc! { "_id": key, "set": set };
            let find = || objects.find_one(named.clone()).projection(doc! { "_id": 1 }).into_future();
            if self.repeat(call, find).await?.is_none() {
                let chunks = self.chunks().await?;
                self.repeat(call, || chunks.delete_many(chunks_of(set)).into_future()).await?;
            }
            let claimed = doc! { "_id": set, "sweeping": true };
            self.repeat(call, || marks.delete_one(claimed.clone()).into_future()).await?;
        }
        Ok(())
    }

    /// Claims a mark, unless its writer, or another that sweeps, was there since the time that it showed. The time
    /// begins anew, so that a claim whose owner ended is claimed by another a day later.
    async fn claim(&self, call: Call<'_>, set: &str, at: DateTime) -> Result<bool> {
        let marks = self.marks().await?;
        let seen = doc! { "_id": set, "at": at };
        let claim = doc! { "$set": { "sweeping": true }, "$currentDate": { "at": true } };
        let update = || marks.update_one(seen.clone(), claim.clone()).into_future();
        Ok(self.repeat(call, update).await?.matched_count == 1)
    }
}

/// What failed before the object's document was sent has changed nothing that can be read.
pub(crate) fn unsent(error: Error) -> Error {
    error.not_applied(true)
}
