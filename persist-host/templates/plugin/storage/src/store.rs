//! Objects as files: each key is a path below `objects`, and what is being written lies in `tmp`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use persist_plugin_api::{
    Bytes, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result, page_of_sorted,
};

/// A directory of objects.
pub(crate) struct Store {
    root: PathBuf,
}

impl Store {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Writes an object in place of one that may be there.
    pub(crate) fn replace(&self, key: &str, data: &[u8]) -> Result<()> {
        let path = self.path(key);
        let temporary = self.write_temporary(key, data)?;
        let renamed = make_parent(&path).and_then(|()| fs::rename(&temporary, &path));
        renamed.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            failed("write", key, error).not_applied(true)
        })?;
        self.sync_directories(key, &path)
    }

    /// Writes an object if its key is free: a hard link, unlike a rename, never replaces anything.
    pub(crate) fn create(&self, key: &str, data: &[u8]) -> Result<()> {
        let path = self.path(key);
        let temporary = self.write_temporary(key, data)?;
        let linked = make_parent(&path).and_then(|()| fs::hard_link(&temporary, &path));
        // A temporary file that stays takes space and does no harm.
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(()) => self.sync_directories(key, &path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // Whoever wrote it may have been stopped before it was durable, and the caller relies on that.
                self.sync_directories(key, &path)?;
                Err(Error::already_exists(key))
            }
            Err(error) => Err(failed("write", key, error).not_applied(true)),
        }
    }

    /// Reads a part of an object; a range beyond the end is cut there.
    pub(crate) fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let mut file = File::open(self.path(key)).map_err(|error| failed("read", key, error))?;
        // Of the open file: under its name there may be another one by now.
        let metadata = file
            .metadata()
            .map_err(|error| failed("look at", key, error))?;
        if !metadata.is_file() {
            return Err(Error::not_found(key));
        }
        let length = metadata.len();
        let end = range.end.min(length);
        let start = range.start.min(end);
        let mut data = Vec::new();
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.take(end - start).read_to_end(&mut data))
            .map_err(|error| failed("read", key, error))?;
        Ok(data.into())
    }

    pub(crate) fn stat(&self, key: &str) -> Result<ObjectMeta> {
        let metadata = fs::symlink_metadata(self.path(key)).map_err(|error| failed("look at", key, error))?;
        if !metadata.is_file() {
            return Err(Error::not_found(key));
        }
        Ok(ObjectMeta::new(key, metadata.len()))
    }

    /// Removes an object; one that is not there is no error. Directories stay, and no listing shows them.
    pub(crate) fn remove(&self, key: &str) -> Result<()> {
        let removed = self
            .stat(key)
            .and_then(|_| fs::remove_file(self.path(key)).map_err(|error| failed("remove", key, error)));
        match removed {
            Err(error) if error.code() == ErrorCode::NOT_FOUND => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.sync_directories(key, &self.path(key)),
        }
    }

    pub(crate) fn list(&self, request: &ListRequest) -> Result<ListPage> {
        let mut objects = Vec::new();
        match self.collect(&self.objects(), "", &request.prefix, &mut objects) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed("list", &request.prefix, error));
            }
            // Before the first object there is no directory.
            _ => {}
        }
        objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(page_of_sorted(objects, request))
    }

    /// Collects the objects of a directory, whose keys begin with `base`, as far as the prefix is theirs.
    fn collect(
        &self,
        directory: &Path,
        base: &str,
        prefix: &str,
        found: &mut Vec<ObjectMeta>,
    ) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            // No key makes another name.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let key = format!("{base}{name}");
            if entry.file_type()?.is_dir() {
                let below = format!("{key}/");
                if below.starts_with(prefix) || prefix.starts_with(&below) {
                    self.collect(&entry.path(), &below, prefix, found)?;
                }
            } else if key.starts_with(prefix) {
                match entry.metadata() {
                    Ok(metadata) => found.push(ObjectMeta::new(key, metadata.len())),
                    // It was removed since.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    fn path(&self, key: &str) -> PathBuf {
        self.objects().join(key)
    }

    /// Writes and syncs a file that nobody sees yet.
    fn write_temporary(&self, key: &str, data: &[u8]) -> Result<PathBuf> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let directory = self.root.join("tmp");
        let write = || -> io::Result<PathBuf> {
            fs::create_dir_all(&directory)?;
            loop {
                let count = COUNTER.fetch_add(1, Ordering::Relaxed);
                let path = directory.join(format!("{}-{count}", std::process::id()));
                match File::create_new(&path) {
                    // Of a process that had the same number.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                    Ok(mut file) => {
                        let written = file.write_all(data).and_then(|()| file.sync_all());
                        return written.map(|()| path.clone()).inspect_err(|_| {
                            let _ = fs::remove_file(&path);
                        });
                    }
                }
            }
        };
        write().map_err(|error| failed("write", key, error).not_applied(true))
    }

    /// Makes an entry durable, and each directory up to the root's own entry.
    fn sync_directories(&self, key: &str, path: &Path) -> Result<()> {
        for directory in path.ancestors().skip(1) {
            File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| {
                let message =
                    format!("cannot make {key:?} durable: {} cannot be synced", directory.display());
                Error::new(ErrorCode::NOT_DURABLE, message).with_source(error)
            })?;
            if Some(directory) == self.root.parent() {
                break;
            }
        }
        Ok(())
    }
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// The error of an attempt on an object.
fn failed(verb: &str, key: &str, error: io::Error) -> Error {
    let code = match error.kind() {
        // A key below an object's is as absent as any other.
        ErrorKind::NotFound | ErrorKind::NotADirectory => return Error::not_found(key),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => ErrorCode::PERMISSION_DENIED,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ErrorCode::NO_SPACE,
        _ => ErrorCode::OTHER,
    };
    Error::new(code, format!("cannot {verb} {key:?}")).with_source(error)
}
