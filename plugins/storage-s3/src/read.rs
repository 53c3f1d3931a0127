//! Reading objects and asking about them.

use std::error::Error as StdError;
use std::ops::Range;
use std::sync::atomic::Ordering;

use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use aws_smithy_checksums::body::validate::Error as ChecksumError;
use persist_plugin_api::{Bytes, Error, ErrorCode, ObjectMeta, Result};

use crate::adapter::S3Storage;
use crate::attempts::{Attempts, chain};
use crate::error::{Call, status};

impl S3Storage {
    /// Reads an object, or a part of it that is not empty.
    pub(crate) async fn read(&self, object: &str, range: Option<Range<u64>>) -> Result<Bytes> {
        let attempts = Attempts::default();
        let call = self.call("read", Some(object), &attempts);
        let header = range.as_ref().map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let mut backoff = self.backoff();
        loop {
            let request = self.client.get_object().bucket(&self.settings.bucket).key(object);
            let answer =
                request.set_range(header.clone()).customize().interceptor(attempts.clone()).send().await;
            let output = match answer {
                Ok(output) => output,
                // The object ends before the range begins.
                Err(error) if header.is_some() && status(&error) == Some(416) => return Ok(Bytes::new()),
                Err(error) => return Err(call.failed(error)),
            };
            let whole = output.content_range.is_none();
            let expected = output.content_length.and_then(|length| u64::try_from(length).ok());
            match collect(output.body, expected).await {
                Ok(data) => return Ok(cut(data, range.filter(|_| whole))),
                // The SDK repeats a request only until the answer begins; the rest may break off, too.
                Err(_) if backoff.pause(attempts.made()).await => {}
                Err(broken) => return Err(broken.into_error(&call)),
            }
        }
    }

    /// What is known of an object.
    pub(crate) async fn head(&self, key: &str, object: &str) -> Result<ObjectMeta> {
        let attempts = Attempts::default();
        let request = self.client.head_object().bucket(&self.settings.bucket).key(object);
        match request.customize().interceptor(attempts.clone()).send().await {
            Ok(output) => {
                self.bucket_seen.store(true, Ordering::Relaxed);
                let size = output.content_length.and_then(|length| u64::try_from(length).ok());
                let size = size.ok_or_else(|| {
                    let finding = "the answer does not tell the object's size";
                    self.call("ask about", Some(object), &attempts).error(ErrorCode::OTHER, false, finding)
                })?;
                let modified = output.last_modified.and_then(|time| time.to_millis().ok());
                Ok(ObjectMeta::new(key, size).with_modified_unix_ms(modified).with_etag(output.e_tag))
            }
            Err(error) => {
                if status(&error) == Some(404) {
                    self.check_bucket().await?;
                }
                Err(self.call("ask about", Some(object), &attempts).failed(error))
            }
        }
    }

    /// Answers to HEAD have no body, so a missing bucket looks like a missing object.
    async fn check_bucket(&self) -> Result<()> {
        if self.bucket_seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        let attempts = Attempts::default();
        let request = self.client.head_bucket().bucket(&self.settings.bucket);
        match request.customize().interceptor(attempts.clone()).send().await {
            Ok(_) => {}
            Err(error) => match status(&error) {
                Some(404) => {
                    let finding = "the bucket does not exist (HTTP status 404); create it first";
                    let call = self.call("ask about", None, &attempts);
                    return Err(call.error(ErrorCode::CONTAINER_MISSING, false, finding).with_source(error));
                }
                // A policy may allow to look for objects below the prefix and nothing else. A bucket that is not
                // there cannot have one.
                Some(403) => {}
                _ => return Err(self.call("ask about", None, &attempts).failed(error)),
            },
        }
        self.bucket_seen.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Cuts a range out of an object that came whole, from a service that does not know ranges.
fn cut(data: Bytes, range: Option<Range<u64>>) -> Bytes {
    let Some(range) = range else { return data };
    let end = usize::try_from(range.end).map_or(data.len(), |end| end.min(data.len()));
    let start = usize::try_from(range.start).map_or(end, |start| start.min(end));
    data.slice(start..end)
}

/// Why the data of an answer could not be had.
enum Broken {
    Stream(ByteStreamError),
    Length { found: u64, expected: u64 },
    Memory { expected: u64, source: std::collections::TryReserveError },
}

impl Broken {
    fn into_error(self, call: &Call<'_>) -> Error {
        match self {
            Self::Stream(error) if chain(&error).any(<dyn StdError>::is::<ChecksumError>) => call
                .error(ErrorCode::CORRUPT, true, "the data does not match its checksum")
                .with_source(error),
            Self::Stream(error) => {
                call.error(ErrorCode::UNAVAILABLE, true, "the answer broke off").with_source(error)
            }
            Self::Length { found, expected } => {
                let finding = format!("the answer has {found} bytes instead of {expected}");
                call.error(ErrorCode::UNAVAILABLE, true, &finding)
            }
            Self::Memory { expected, source } => {
                let finding = format!("there is no memory for its {expected} bytes");
                call.error(ErrorCode::LIMIT_EXCEEDED, false, &finding).with_source(source)
            }
        }
    }
}

/// Takes an answer's data into one piece of memory, allocated once where its length is known.
async fn collect(mut body: ByteStream, expected: Option<u64>) -> Result<Bytes, Broken> {
    let mut data = Vec::new();
    if let Some(expected) = expected {
        let length = usize::try_from(expected).unwrap_or(usize::MAX);
        data.try_reserve_exact(length).map_err(|source| Broken::Memory { expected, source })?;
    }
    while let Some(piece) = body.try_next().await.map_err(Broken::Stream)? {
        data.extend_from_slice(&piece);
    }
    match expected {
        Some(expected) if expected != data.len() as u64 => {
            Err(Broken::Length { found: data.len() as u64, expected })
        }
        _ => Ok(Bytes::from(data)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wrong_length_is_found() {
        let body = ByteStream::from_static(b"abc");
        assert!(matches!(collect(body, Some(4)).await, Err(Broken::Length { found: 3, expected: 4 })));
        assert_eq!(collect(ByteStream::from_static(b"abc"), Some(3)).await.ok().unwrap(), "abc");
        assert_eq!(collect(ByteStream::from_static(b"abc"), None).await.ok().unwrap(), "abc");
    }

    #[tokio::test]
    async fn an_absurd_length_is_an_error() {
        let body = ByteStream::from_static(b"abc");
        assert!(matches!(collect(body, Some(u64::MAX)).await, Err(Broken::Memory { .. })));
    }

    #[test]
    fn ranges_are_cut_at_the_end() {
        let data = || Bytes::from_static(b"abcd");
        assert_eq!(cut(data(), None), "abcd");
        assert_eq!(cut(data(), Some(1..3)), "bc");
        assert_eq!(cut(data(), Some(2..99)), "cd");
        assert_eq!(cut(data(), Some(9..99)), "");
    }
}
