//! The storage adapter that an archive is: objects are appended to a tar file and read from where they lie in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use persist_plugin_api::{
    BoxFuture, Capabilities, DynStorage, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result,
    check_key, page_of_sorted,
};
use sha2::{Digest as _, Sha256};

use super::end::{self, contents_of};
use super::{ArchiveContents, End};

/// The unit of a tar file, in bytes.
pub(super) const BLOCK: u64 = 512;

/// What a tar file ends with: two blocks of zeros.
pub(super) const END_BYTES: u64 = 2 * BLOCK;

/// Where an object lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) digest: [u8; 32],
}

/// An archive's file and where its objects are.
pub(super) struct Volume {
    tape: Arc<Mutex<Tape>>,
    writable: bool,
}

struct Tape {
    file: File,
    objects: BTreeMap<String, Object>,
    /// Where the next entry begins.
    end: u64,
}

impl Volume {
    /// A volume that begins in an empty file.
    pub(super) fn empty(file: File) -> Self {
        Self::new(file, BTreeMap::new(), true)
    }

    /// A volume that was read.
    pub(super) fn complete(file: File, objects: BTreeMap<String, Object>) -> Self {
        Self::new(file, objects, false)
    }

    fn new(file: File, objects: BTreeMap<String, Object>, writable: bool) -> Self {
        Self { tape: Arc::new(Mutex::new(Tape { file, objects, end: 0 })), writable }
    }

    /// Writes the last entry and makes the file last.
    pub(super) fn finish(&self) -> io::Result<ArchiveContents> {
        let mut tape = lock(&self.tape);
        let contents = contents_of(&tape.objects);
        let end = serde_json::to_vec(&End::of(&contents))?;
        tape.append(end::NAME, &end)?;
        let length = tape.end + END_BYTES;
        tape.file.set_len(length)?;
        tape.file.sync_all()?;
        Ok(contents)
    }

    /// Works on the file off the asynchronous threads.
    fn with_tape<'a, T: Send + 'static>(
        &'a self,
        work: impl FnOnce(&mut Tape) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T>> {
        let tape = Arc::clone(&self.tape);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&mut lock(&tape))).await;
            done.unwrap_or_else(|error| {
                Err(Error::new(ErrorCode::OTHER, "the thread that works on the archive ended early")
                    .with_source(error))
            })
        })
    }
}

impl Tape {
    /// Appends an entry. The file is a whole tar file after each.
    fn append(&mut self, name: &str, data: &[u8]) -> io::Result<Object> {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        self.file.seek(SeekFrom::Start(self.end))?;
        let mut builder = tar::Builder::new(&mut self.file);
        builder.append_data(&mut header, name, data)?;
        builder.finish()?;
        drop(builder);
        // Only now that all was written does it count; a failed attempt is written over.
        let end = self.file.stream_position()? - END_BYTES;
        self.end = end;
        let length = data.len() as u64;
        let offset = end - length.next_multiple_of(BLOCK);
        Ok(Object { offset, length, digest: Sha256::digest(data).into() })
    }

    fn object(&self, key: &str) -> Result<Object> {
        self.objects.get(key).copied().ok_or_else(|| Error::not_found(key))
    }

    fn read(&mut self, offset: u64, length: u64) -> Result<Bytes> {
        let failed = |error| Error::new(ErrorCode::OTHER, "cannot read the archive").with_source(error);
        let length = usize::try_from(length).map_err(|error| {
            Error::new(ErrorCode::LIMIT_EXCEEDED, "the object does not fit into memory").with_source(error)
        })?;
        let mut data = vec![0; length];
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.read_exact(&mut data))
            .map_err(failed)?;
        Ok(data.into())
    }
}

impl DynStorage for Volume {
    fn capabilities<'a>(&'a self) -> BoxFuture<'a, Result<Capabilities>> {
        let yes = self.writable;
        Box::pin(async move {
            let capabilities = Capabilities::none().consistent_list(true).ordered_recursive_list(true);
            Ok(capabilities.atomic_create(yes).durable(yes))
        })
    }

    fn save<'a>(&'a self, key: &'a str, _: Bytes) -> BoxFuture<'a, Result<()>> {
        let error =
            Error::new(ErrorCode::UNSUPPORTED, format!("an archive cannot replace its object {key:?}"));
        Box::pin(async move { Err(error.not_applied(true)) })
    }

    fn save_if_absent<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        let writable = self.writable;
        let key = key.to_owned();
        self.with_tape(move |tape| {
            check_key(&key)?;
            if !writable {
                return Err(Error::new(ErrorCode::UNSUPPORTED, "the archive is complete").not_applied(true));
            }
            if tape.objects.contains_key(&key) {
                return Err(Error::already_exists(&key));
            }
            let object = tape.append(&key, &data).map_err(|error| {
                let code = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::NO_SPACE,
                    io::ErrorKind::PermissionDenied => ErrorCode::PERMISSION_DENIED,
                    _ => ErrorCode::OTHER,
                };
                Error::new(code, "cannot write to the archive").with_source(error).not_applied(true)
            })?;
            tape.objects.insert(key, object);
            Ok(())
        })
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Bytes>> {
        let key = key.to_owned();
        self.with_tape(move |tape| {
            let object = tape.object(&key)?;
            tape.read(object.offset, object.length)
        })
    }

    fn load_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        let key = key.to_owned();
        self.with_tape(move |tape| {
            let object = tape.object(&key)?;
            let end = range.end.min(object.length);
            let start = range.start.min(end);
            tape.read(object.offset + start, end - start)
        })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        let exists = lock(&self.tape).objects.contains_key(key);
        Box::pin(async move { Ok(exists) })
    }

    fn stat<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<ObjectMeta>> {
        let object = lock(&self.tape).object(key).map(|object| ObjectMeta::new(key, object.length));
        Box::pin(async move { object })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        let error =
            Error::new(ErrorCode::UNSUPPORTED, format!("an archive cannot remove its object {key:?}"));
        Box::pin(async move { Err(error.not_applied(true)) })
    }

    fn list<'a>(&'a self, request: ListRequest) -> BoxFuture<'a, Result<ListPage>> {
        let tape = lock(&self.tape);
        let below = tape.objects.range(request.prefix.clone()..);
        let below = below.take_while(|(key, _)| key.starts_with(&request.prefix));
        let page = page_of_sorted(below.map(|(key, object)| ObjectMeta::new(key, object.length)), &request);
        Box::pin(async move { Ok(page) })
    }
}

fn lock(tape: &Mutex<Tape>) -> MutexGuard<'_, Tape> {
    // What an interrupted thread appended in part is written over by the next.
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}
