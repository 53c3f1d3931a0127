//! Archives: chosen sessions as one portable file.
//!
//! An archive is a POSIX tar of a store as the local disk adapter lays it out, followed by an entry that tells what must
//! be in it. Unpacked, it is a store that Persist reads. `docs/export.md` specifies it.

mod end;
mod scan;
mod volume;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::{CodecSource, ContentHash, Error, ErrorKind, Result, Store, StoreOptions};
use end::End;
use volume::Volume;

/// What the storage of archives is called where snapshots say what holds them.
const STORAGE_NAME: &str = "archive";

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArchiveContents {
    /// The number of stored objects.
    pub objects: u64,
    /// The length of all objects, in bytes.
    pub bytes: u64,
    /// The SHA-256 over all keys and the digests of their objects.
    pub sha256: ContentHash,
}

/// An archive that is being written. Sessions come into it by [`Store::copy_session`] to [its store](Self::store).
pub struct ArchiveWriter {
    volume: Arc<Volume>,
}

/// An archive that was read to its end and found to be complete and intact.
pub struct ArchiveReader {
    volume: Arc<Volume>,
    contents: ArchiveContents,
}

impl ArchiveWriter {
    /// Begins an archive in a file that is empty and open for reading and writing.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self { volume: Arc::new(Volume::empty(file)) }
    }

    /// The store that the archive is. Its snapshots are compressed with a codec of `like`, and are laid out like those.
    #[must_use]
    pub fn store(&self, name: &str, like: &StoreOptions) -> Store {
        store(name, self.volume.clone(), like.codec_name.clone(), like)
    }

    /// Ends the archive. What its store still wrote afterwards would not count.
    ///
    /// # Errors
    /// When the file cannot be written; it is no archive then.
    pub async fn finish(self) -> Result<ArchiveContents> {
        let volume = self.volume;
        run(move || {
            volume.finish().map_err(|error| {
                Error::new(ErrorKind::Other, "archive_not_written", "cannot write the archive to its end")
                    .with_source(error)
            })
        })
        .await
    }
}

impl ArchiveReader {
    /// Reads a whole archive and checks it: that every object is as it was exported, and that none is missing or was
    /// added. `name` stands for the file in messages.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] for a file that is no complete and intact archive; [`ErrorKind::Incompatible`] for one
    /// that needs another release.
    pub async fn open(name: &Path, file: File) -> Result<Self> {
        let name = name.display().to_string();
        run(move || {
            let (volume, contents) = scan::open(file).map_err(|error| error.in_file(&name))?;
            Ok(Self { volume: Arc::new(volume), contents })
        })
        .await
    }

    /// What it holds.
    #[must_use]
    pub fn contents(&self) -> &ArchiveContents {
        &self.contents
    }

    /// The store that the archive is, for reading. Its codecs come from `like`.
    #[must_use]
    pub fn store(&self, name: &str, like: &StoreOptions) -> Store {
        store(name, self.volume.clone(), None, like)
    }
}

fn store(name: &str, volume: Arc<Volume>, codec_name: Option<String>, like: &StoreOptions) -> Store {
    Store::new(StoreOptions {
        name: name.to_owned(),
        storage_name: STORAGE_NAME.to_owned(),
        storage: volume,
        codec_name,
        codecs: Arc::<dyn CodecSource>::clone(&like.codecs),
        single_writer: false,
        allow_volatile: false,
        tuning: like.tuning,
        observers: Vec::new(),
    })
}

/// Does file work off the asynchronous threads.
async fn run<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let message = "the thread that works on the archive ended early";
        Err(Error::new(ErrorKind::Other, "archive_thread", message).with_source(error))
    })
}
