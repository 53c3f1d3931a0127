//! The traits that plugin authors implement.

use std::future::Future;
use std::ops::Range;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::{Capabilities, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result};

/// A place that keeps objects: immutable byte strings under keys.
///
/// A key is UTF-8 of 1 to [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES) bytes: segments of 1 to
/// [`MAX_SEGMENT_BYTES`](crate::MAX_SEGMENT_BYTES) bytes between slashes, none of them `.` or `..`, without control
/// characters; anything else is refused with [`ErrorCode::INVALID_ARGUMENT`]. Whatever a key holds, the adapter never
/// reaches outside the root, bucket or table that its options name. No key is a directory of another: the host never
/// stores both `a` and `a/b`.
///
/// Every method may be called from many tasks at once and is cancelled by dropping its future; a cancelled write is
/// either whole or invisible. Futures run on the host's threads inside the plugin's own tokio runtime, so timers,
/// sockets and `tokio::task::spawn_blocking` work; blocking work belongs into `spawn_blocking`.
pub trait StorageAdapter: Send + Sync + Sized + 'static {
    /// The adapter's options, as the user's config file gives them. Derive `Deserialize` with
    /// `#[serde(deny_unknown_fields)]`, so that a misspelt option is an error.
    type Config: DeserializeOwned + Send + 'static;

    /// Opens the adapter. It should be cheap and must not write: read-only credentials open too.
    ///
    /// # Errors
    /// [`ErrorCode::CONFIG`] for options whose values are wrong, and whatever stops the adapter from working at all.
    fn open(config: Self::Config) -> impl Future<Output = Result<Self>> + Send;

    /// What the adapter promises. The host asks before its first write, so this may probe the backend.
    ///
    /// # Errors
    /// When the backend cannot be asked.
    fn capabilities(&self) -> impl Future<Output = Result<Capabilities>> + Send;

    /// Writes an object, replacing one under the same key as a whole: a reader sees the old bytes or the new ones.
    ///
    /// # Errors
    /// Anything that stopped the write. An error that is not marked [`Error::not_applied`] leaves open whether it
    /// happened.
    fn save(&self, key: &str, data: Bytes) -> impl Future<Output = Result<()>> + Send;

    /// Writes an object only if its key is free.
    ///
    /// # Errors
    /// [`ErrorCode::ALREADY_EXISTS`] when it is not, and the object is untouched. That object is then as durable as one
    /// that this call wrote, whatever became of the call that wrote it: a writer that does not know how its first
    /// attempt ended relies on that. Otherwise as [`save`](StorageAdapter::save).
    fn save_if_absent(&self, key: &str, data: Bytes) -> impl Future<Output = Result<()>> + Send;

    /// Reads a whole object.
    ///
    /// # Errors
    /// [`ErrorCode::NOT_FOUND`] when there is none.
    fn load(&self, key: &str) -> impl Future<Output = Result<Bytes>> + Send;

    /// Reads the bytes `range` of an object; a range that reaches beyond the end is cut there, and one that begins
    /// there is empty.
    ///
    /// # Errors
    /// As [`load`](StorageAdapter::load).
    fn load_range(&self, key: &str, range: Range<u64>) -> impl Future<Output = Result<Bytes>> + Send {
        async move {
            let object = self.load(key).await?;
            let length = object.len() as u64;
            let end = range.end.min(length);
            let start = range.start.min(end);
            // Both are at most the object's length, which is a `usize`.
            Ok(object.slice(start as usize..end as usize))
        }
    }

    /// Whether an object exists. A backend that cannot tell is an error, never "no".
    ///
    /// # Errors
    /// When the backend cannot tell.
    fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + Send {
        async move {
            match self.stat(key).await {
                Ok(_) => Ok(true),
                Err(error) if error.code() == ErrorCode::NOT_FOUND => Ok(false),
                Err(error) => Err(error),
            }
        }
    }

    /// What is known of an object without reading it.
    ///
    /// # Errors
    /// [`ErrorCode::NOT_FOUND`] when there is none.
    fn stat(&self, key: &str) -> impl Future<Output = Result<ObjectMeta>> + Send;

    /// Removes an object; removing one that is not there succeeds.
    ///
    /// # Errors
    /// Anything that stopped the removal.
    fn delete(&self, key: &str) -> impl Future<Output = Result<()>> + Send;

    /// Lists objects, a page at a time. An empty listing is not an error.
    ///
    /// # Errors
    /// Anything that stopped the listing; a page is never silently incomplete.
    fn list(&self, request: ListRequest) -> impl Future<Output = Result<ListPage>> + Send;
}

/// A compression method. Calls are plain functions: the host runs them off its asynchronous threads.
///
/// What [`compress`](CompressionAdapter::compress) wrote, [`decompress`](CompressionAdapter::decompress) of *any*
/// later version of the plugin with *any* options must read: stores keep objects for years and change their options.
pub trait CompressionAdapter: Send + Sync + Sized + 'static {
    /// The adapter's options; see [`StorageAdapter::Config`].
    type Config: DeserializeOwned + Send + 'static;

    /// Whether [`compress_with_prefix`](CompressionAdapter::compress_with_prefix) is implemented.
    const SUPPORTS_PREFIX: bool = false;

    /// Opens the adapter.
    ///
    /// # Errors
    /// [`ErrorCode::CONFIG`] for options whose values are wrong.
    fn open(config: Self::Config) -> Result<Self>;

    /// Compresses `input` into a self-contained stream.
    ///
    /// # Errors
    /// When the library underneath fails.
    fn compress(&self, input: &[u8]) -> Result<Vec<u8>>;

    /// Decompresses a stream. It never produces, nor allocates for, more than `max_output` bytes.
    ///
    /// # Errors
    /// [`ErrorCode::LIMIT_EXCEEDED`] when the output would be longer than `max_output`, [`ErrorCode::CORRUPT`] when the
    /// stream is damaged, truncated, or followed by other bytes.
    fn decompress(&self, input: &[u8], max_output: u64) -> Result<Vec<u8>>;

    /// Compresses `input` as a continuation of `prefix`, which the reader will have at hand.
    ///
    /// An empty prefix is allowed, and so is one longer than the method looks back: it uses what it can of the end.
    /// [`decompress`](CompressionAdapter::decompress) need not read the stream, but the promise to later versions and
    /// other options holds for [`decompress_with_prefix`](CompressionAdapter::decompress_with_prefix) as well.
    ///
    /// # Errors
    /// [`ErrorCode::UNSUPPORTED`] unless implemented.
    fn compress_with_prefix(&self, prefix: &[u8], input: &[u8]) -> Result<Vec<u8>> {
        let _ = (prefix, input);
        Err(unsupported("compress_with_prefix"))
    }

    /// Reverses [`compress_with_prefix`](CompressionAdapter::compress_with_prefix) with the same prefix, within the same
    /// bound as [`decompress`](CompressionAdapter::decompress).
    ///
    /// The method may lack a checksum: a damaged stream, or one written with another prefix, may unfold to other bytes
    /// instead of failing. The caller compares the output with a hash of its own.
    ///
    /// # Errors
    /// [`ErrorCode::UNSUPPORTED`] unless implemented; [`ErrorCode::LIMIT_EXCEEDED`] when the output would be longer than
    /// `max_output`; [`ErrorCode::CORRUPT`] when the stream is truncated, followed by other bytes, or found to be
    /// damaged.
    fn decompress_with_prefix(&self, prefix: &[u8], input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        let _ = (prefix, input, max_output);
        Err(unsupported("decompress_with_prefix"))
    }
}

fn unsupported(method: &str) -> Error {
    Error::new(ErrorCode::UNSUPPORTED, format!("this compression adapter does not implement {method}"))
}
