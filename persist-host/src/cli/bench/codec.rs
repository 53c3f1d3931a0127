//! Codecs that keep account of what they are given, what they make of it and how long that takes.

use std::ops::AddAssign;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use persist_host::CodecSource;
use persist_plugin_api::{DynCompression, Result};
use rustix::time::{ClockId, clock_gettime};

/// A source of codecs around another one. Every codec that it opens keeps the same account.
pub(super) struct Timed {
    inner: Arc<dyn CodecSource>,
    account: Arc<Account>,
}

/// What all codecs of a [`Timed`] have done.
#[derive(Default)]
pub(super) struct Account(Mutex<Work>);

/// Work of codecs, in processor time of the threads that did it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// The bytes that were compressed, and what they became.
    pub(super) compressed: Volume,
    /// The bytes that were decompressed to, and what they were before.
    pub(super) decompressed: Volume,
}

/// Content before or after its compression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Volume {
    /// The bytes of the content.
    pub(super) raw: u64,
    /// The bytes that it takes when it is compressed.
    pub(super) stored: u64,
    pub(super) time: Duration,
}

impl Timed {
    pub(super) fn new(inner: Arc<dyn CodecSource>, account: Arc<Account>) -> Self {
        Self { inner, account }
    }
}

impl CodecSource for Timed {
    fn codec(&self, name: &str) -> persist_host::Result<Arc<dyn DynCompression>> {
        let inner = self.inner.codec(name)?;
        Ok(Arc::new(TimedCodec { inner, account: Arc::clone(&self.account) }))
    }
}

impl Account {
    /// What was done since the last call.
    pub(super) fn take(&self) -> Work {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn compress(&self, raw: usize, work: impl FnOnce() -> Result<Bytes>) -> Result<Bytes> {
        let (stored, time) = timed(work);
        let stored = stored?;
        let volume = Volume { raw: raw as u64, stored: stored.len() as u64, time };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).compressed += volume;
        Ok(stored)
    }

    fn decompress(&self, stored: usize, work: impl FnOnce() -> Result<Bytes>) -> Result<Bytes> {
        let (raw, time) = timed(work);
        let raw = raw?;
        let volume = Volume { raw: raw.len() as u64, stored: stored as u64, time };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).decompressed += volume;
        Ok(raw)
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.compressed += other.compressed;
        self.decompressed += other.decompressed;
    }
}

impl AddAssign for Volume {
    fn add_assign(&mut self, other: Self) {
        self.raw += other.raw;
        self.stored += other.stored;
        self.time += other.time;
    }
}

impl Volume {
    /// Millions of bytes of content a second; `None` of nothing.
    pub(super) fn speed(&self) -> Option<f64> {
        (self.raw > 0 && !self.time.is_zero()).then(|| self.raw as f64 / 1e6 / self.time.as_secs_f64())
    }

    /// How many times smaller the content became; `None` of nothing.
    pub(super) fn ratio(&self) -> Option<f64> {
        super::figures::ratio(self.raw, self.stored)
    }
}

struct TimedCodec {
    inner: Arc<dyn DynCompression>,
    account: Arc<Account>,
}

impl DynCompression for TimedCodec {
    fn supports_prefix(&self) -> bool {
        self.inner.supports_prefix()
    }

    fn compress(&self, input: Bytes) -> Result<Bytes> {
        self.account.compress(input.len(), || self.inner.compress(input))
    }

    fn decompress(&self, input: Bytes, max_output: u64) -> Result<Bytes> {
        self.account.decompress(input.len(), || self.inner.decompress(input, max_output))
    }

    fn compress_with_prefix(&self, prefix: Bytes, input: Bytes) -> Result<Bytes> {
        self.account.compress(input.len(), || self.inner.compress_with_prefix(prefix, input))
    }

    fn decompress_with_prefix(&self, prefix: Bytes, input: Bytes, max_output: u64) -> Result<Bytes> {
        let stored = input.len();
        self.account.decompress(stored, || self.inner.decompress_with_prefix(prefix, input, max_output))
    }
}

/// Runs work on this thread and says how much of the processor it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = thread_time();
    let done = work();
    (done, thread_time().saturating_sub(begin))
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use persist_plugin_api::{Error, ErrorCode};

    use super::*;

    /// Drops every second byte, and fails on nothing.
    struct Half;

    impl DynCompression for Half {
        fn supports_prefix(&self) -> bool {
            true
        }

        fn compress(&self, input: Bytes) -> Result<Bytes> {
            if input.is_empty() {
                return Err(Error::new(ErrorCode::OTHER, "nothing"));
            }
            Ok(input.iter().copied().step_by(2).collect())
        }

        fn decompress(&self, input: Bytes, _: u64) -> Result<Bytes> {
            Ok(input.iter().flat_map(|byte| [*byte; 2]).collect())
        }

        fn compress_with_prefix(&self, _: Bytes, input: Bytes) -> Result<Bytes> {
            self.compress(input)
        }

        fn decompress_with_prefix(&self, _: Bytes, input: Bytes, most: u64) -> Result<Bytes> {
            self.decompress(input, most)
        }
    }

    impl CodecSource for Half {
        fn codec(&self, _: &str) -> persist_host::Result<Arc<dyn DynCompression>> {
            Ok(Arc::new(Self))
        }
    }

    #[test]
    fn calls_are_passed_on_and_entered_under_what_they_did() {
        let account = Arc::new(Account::default());
        let source = Timed::new(Arc::new(Half), Arc::clone(&account));
        let codec = source.codec("half").unwrap();
        assert!(codec.supports_prefix());
        assert_eq!(codec.compress(Bytes::from_static(b"aabb")).unwrap(), "ab");
        assert_eq!(codec.compress_with_prefix(Bytes::new(), Bytes::from_static(b"cc")).unwrap(), "c");
        assert_eq!(codec.decompress(Bytes::from_static(b"ab"), 4).unwrap(), "aabb");
        let prefix = Bytes::from_static(b"prefix");
        assert_eq!(codec.decompress_with_prefix(prefix, Bytes::from_static(b"c"), 2).unwrap(), "cc");
        assert!(codec.compress(Bytes::new()).is_err(), "a failure is passed on and not entered");
        let mut work = account.take();
        for volume in [work.compressed, work.decompressed] {
            assert_eq!((volume.raw, volume.stored, volume.ratio()), (6, 3, Some(2.0)));
        }
        work += work;
        assert_eq!(work.compressed.raw, 12);
        assert_eq!(account.take(), Work::default(), "the account was settled");
        assert_eq!((Volume::default().speed(), Volume::default().ratio()), (None, None));
    }
}
