//! A storage adapter around another that keeps count of what goes through it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use persist_host::key;
use persist_plugin_api::{
    BoxFuture, Capabilities, DynStorage, ErrorCode, ListPage, ListRequest, ObjectMeta, Result,
};

/// What a file system gives a file is a whole number of these.
const BLOCK: u64 = 4096;

/// The adapter. It counts what is written and what is read, and passes everything on unchanged.
pub(crate) struct Counting {
    inner: Arc<dyn DynStorage>,
    counts: Mutex<Counts>,
}

/// The counts since the last reset.
#[derive(Default)]
struct Counts {
    /// The length of each object that was written and not deleted again.
    written: HashMap<String, u64>,
    /// The keys of the objects that were read.
    read: HashSet<String>,
}

/// What was stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The bytes of all objects.
    pub(crate) bytes: u64,
    /// The same with each object rounded up to whole blocks of 4096 bytes.
    pub(crate) allocated: u64,
}

impl Counting {
    pub(crate) fn new(inner: Arc<dyn DynStorage>) -> Self {
        Self { inner, counts: Mutex::default() }
    }

    /// Begins to count anew.
    pub(crate) fn reset(&self) {
        *self.counts() = Counts::default();
    }

    /// What was stored since the last reset and is still there: every object but the store marker, which belongs to
    /// the store rather than to any session.
    pub(crate) fn stored(&self) -> Stored {
        let counts = self.counts();
        let lengths = counts.written.iter().filter(|(key, _)| *key != key::MARKER).map(|(_, length)| *length);
        lengths.fold(Stored::default(), |sum, length| Stored {
            bytes: sum.bytes + length,
            allocated: sum.allocated + length.div_ceil(BLOCK) * BLOCK,
        })
    }

    /// How many different objects whose keys are not `excluded` were read since the last call.
    pub(crate) fn take_read(&self, excluded: impl Fn(&str) -> bool) -> u64 {
        let read = std::mem::take(&mut self.counts().read);
        read.iter().filter(|key| !excluded(key)).count() as u64
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write whose outcome is open counts as done: what a session takes is rather overstated than understated.
    fn wrote(&self, key: &str, length: u64, result: Result<()>) -> Result<()> {
        if result.as_ref().err().is_none_or(|error| !error.is_not_applied()) {
            self.counts().written.insert(key.to_owned(), length);
        }
        result
    }

    fn did_read(&self, key: &str, result: Result<Bytes>) -> Result<Bytes> {
        // Finding out that there is nothing reads no object.
        if result.as_ref().err().is_none_or(|error| error.code() != ErrorCode::NOT_FOUND) {
            self.counts().read.insert(key.to_owned());
        }
        result
    }
}

impl DynStorage for Counting {
    fn capabilities<'a>(&'a self) -> BoxFuture<'a, Result<Capabilities>> {
        self.inner.capabilities()
    }

    fn save<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let length = data.len() as u64;
            self.wrote(key, length, self.inner.save(key, data).await)
        })
    }

    fn save_if_absent<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let length = data.len() as u64;
            self.wrote(key, length, self.inner.save_if_absent(key, data).await)
        })
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(async move { self.did_read(key, self.inner.load(key).await) })
    }

    fn load_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(async move { self.did_read(key, self.inner.load_range(key, range).await) })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        self.inner.exists(key)
    }

    fn stat<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<ObjectMeta>> {
        self.inner.stat(key)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.inner.delete(key).await?;
            self.counts().written.remove(key);
            Ok(())
        })
    }

    fn list<'a>(&'a self, request: ListRequest) -> BoxFuture<'a, Result<ListPage>> {
        self.inner.list(request)
    }
}

#[cfg(test)]
mod tests;
