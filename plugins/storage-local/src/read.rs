//! Reading objects.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;

use persist_plugin_api::{Bytes, Error, ErrorCode, ObjectMeta, Result};
use rustix::buffer::spare_capacity;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::{self, Errno};

use crate::error::Failed;
use crate::path::split;
use crate::store::Store;

impl Store {
    /// Reads a whole object.
    pub(crate) fn read(&self, key: &str) -> Result<Bytes> {
        let (mut file, size) = self.open_object(key)?;
        let mut data = self.allocate(key, size)?;
        file.read_to_end(&mut data).map_err(|error| {
            Failed::new("read", self.path(key), Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })?;
        Ok(data.into())
    }

    /// Reads a part of an object, cut at its end.
    pub(crate) fn read_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let (file, size) = self.open_object(key)?;
        let end = range.end.min(size);
        let start = range.start.min(end);
        let mut data = self.allocate(key, end - start)?;
        while data.len() < data.capacity() {
            let at = start + data.len() as u64;
            match io::pread(&file, spare_capacity(&mut data), at) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Failed::new("read", self.path(key), errno).into()),
            }
        }
        // The allocator may have given more room than was asked for.
        data.truncate(usize::try_from(end - start).unwrap_or(usize::MAX));
        Ok(data.into())
    }

    /// What the file system says of an object.
    pub(crate) fn stat(&self, key: &str) -> Result<ObjectMeta> {
        let (directory_key, name) = split(key);
        let Some(directory) = self.find_directory(directory_key)? else { return Err(Error::not_found(key)) };
        match fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                self.check_object(key, &stat)?;
                Ok(meta(key, &stat))
            }
            Err(Errno::NOENT) => Err(Error::not_found(key)),
            Err(errno) => Err(Failed::new("look up", self.path(key), errno).into()),
        }
    }

    fn open_object(&self, key: &str) -> Result<(File, u64)> {
        let (directory_key, name) = split(key);
        let Some(directory) = self.find_directory(directory_key)? else { return Err(Error::not_found(key)) };
        // Not to wait for the writer of a pipe that somebody put there.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match fs::openat(&directory, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(Error::not_found(key)),
            Err(errno) => return Err(Failed::new("open", self.path(key), errno).into()),
        };
        let stat = fs::fstat(&file).map_err(|errno| Failed::new("look up", self.path(key), errno))?;
        self.check_object(key, &stat)?;
        Ok((file.into(), size(&stat)))
    }

    /// Only a regular file is an object.
    fn check_object(&self, key: &str, stat: &Stat) -> Result<()> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(()),
            FileType::Directory => Err(Error::not_found(key)),
            FileType::Symlink => Err(Failed::new("read", self.path(key), Errno::LOOP).into()),
            other => {
                let path = self.path(key);
                let message =
                    format!("cannot read {}: found a {other:?}, expected a regular file", path.display());
                Err(Error::new(ErrorCode::OTHER, message))
            }
        }
    }

    fn allocate(&self, key: &str, size: u64) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        data.try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX)).map_err(|error| {
            let message = format!("cannot allocate {size} bytes to read {}", self.path(key).display());
            Error::new(ErrorCode::UNAVAILABLE, message).with_source(error)
        })?;
        Ok(data)
    }
}

/// An object's description out of its file's.
pub(crate) fn meta(key: &str, stat: &Stat) -> ObjectMeta {
    let milliseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0) / 1_000_000;
    let modified = stat.st_mtime.checked_mul(1000).and_then(|time| time.checked_add(milliseconds));
    ObjectMeta::new(key, size(stat)).with_modified_unix_ms(modified)
}

fn size(stat: &Stat) -> u64 {
    // No file has a negative size.
    u64::try_from(stat.st_size).unwrap_or(0)
}
