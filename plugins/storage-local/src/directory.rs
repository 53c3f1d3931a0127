//! Opening and creating directories, segment by segment, so that no symbolic link below the root is ever followed.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::Failed;
use crate::path::{segments, split};
use crate::store::Store;

const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The mode of new directories.
const PRIVATE: Mode = Mode::RWXU;

/// Opens a directory by its path, following symbolic links: the root is what the user says.
pub(crate) fn open(path: &Path) -> Result<OwnedFd, Errno> {
    fs::open(path, FLAGS, Mode::empty())
}

/// Opens a directory by its name in another one; a symbolic link is [`Errno::LOOP`].
pub(crate) fn open_in(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    fs::openat(&parent, name, FLAGS | OFlags::NOFOLLOW, Mode::empty()).map_err(|errno| match errno {
        // The kernel may report that a link is no directory before it reports that it is a link.
        Errno::NOTDIR if file_type(parent, name) == Ok(FileType::Symlink) => Errno::LOOP,
        errno => errno,
    })
}

/// What a name in a directory stands for, itself and not what it leads to.
pub(crate) fn file_type(parent: impl AsFd, name: &str) -> Result<FileType, Errno> {
    fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| FileType::from_raw_mode(stat.st_mode))
}

impl Store {
    /// Opens a directory below the root, or the root for an empty path; `None` if there is none.
    pub(crate) fn find_directory(&self, directory: &str) -> Result<Option<OwnedFd>, Failed> {
        let mut at = match open(&self.root) {
            Ok(root) => root,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(Failed::new("open the root directory", &self.root, errno)),
        };
        for (segment, path) in segments(directory) {
            at = match open_in(&at, segment) {
                Ok(directory) => directory,
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
                Err(errno) => return Err(Failed::new("open the directory", self.path(path), errno)),
            };
        }
        Ok(Some(at))
    }

    /// Opens the directory of a key and creates what is missing of it, the root included. What of the way to it may not
    /// be on the disk yet is left to [`Way::sync`]: after the object has its name, so that one commit of the file
    /// system's journal carries all of it.
    pub(crate) fn make_parent(&self, key: &str) -> Result<Way, Failed> {
        let mut way = Way { directory: self.make_root(&self.root)?, unsynced: Vec::new() };
        for (segment, path) in segments(split(key).0) {
            let (directory, created) = match open_in(&way.directory, segment) {
                Ok(directory) => (directory, false),
                Err(Errno::NOENT) => {
                    create_in(&way.directory, segment)
                        .map_err(|errno| Failed::new("create the directory", self.path(path), errno))?;
                    let opened = open_in(&way.directory, segment)
                        .map_err(|errno| Failed::new("open the directory", self.path(path), errno))?;
                    (opened, true)
                }
                Err(errno) => return Err(Failed::new("open the directory", self.path(path), errno)),
            };
            let parent = std::mem::replace(&mut way.directory, directory);
            // A directory that another writer has just created may not be on the disk either, so one that is merely
            // found is synced, too, the first time.
            if self.fsync && (created || !self.is_synced(path)) {
                way.unsynced.push((parent, path.to_owned()));
            }
        }
        Ok(way)
    }

    /// Opens the root, or one of the directories above it, and creates what is missing.
    fn make_root(&self, path: &Path) -> Result<OwnedFd, Failed> {
        let open_root = || open(path).map_err(|errno| Failed::new("open the root directory", path, errno));
        match open(path) {
            Ok(root) => return Ok(root),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(Failed::new("open the root directory", path, errno)),
        }
        let Some(parent) = path.parent() else { return open_root() };
        let parent_directory = self.make_root(parent)?;
        create_in(fs::CWD, path).map_err(|errno| Failed::new("create the root directory", path, errno))?;
        if self.fsync {
            fs::fsync(parent_directory).map_err(|errno| Failed::new("sync the directory", parent, errno))?;
        }
        open_root()
    }
}

/// The directory of a key, and what of the way to it may be lost in a crash.
pub(crate) struct Way {
    pub(crate) directory: OwnedFd,
    /// Directories with the path of an entry that is to be synced in each, from the root downwards.
    unsynced: Vec<(OwnedFd, String)>,
}

impl Way {
    /// Puts the names in the directory on the disk, whoever gave them, and the way to it.
    pub(crate) fn sync(&self, store: &Store, directory_key: &str) -> Result<(), Failed> {
        sync_names(store, &self.directory, directory_key)?;
        for (parent, path) in self.unsynced.iter().rev() {
            sync_names(store, parent, split(path).0)?;
            // Not before: until then, every other writer that comes this way has to sync it as well.
            store.remember_synced(path);
        }
        Ok(())
    }
}

/// Puts the names in a directory on the disk.
pub(crate) fn sync_names(store: &Store, directory: &OwnedFd, directory_key: &str) -> Result<(), Failed> {
    if !store.fsync {
        return Ok(());
    }
    fs::fsync(directory)
        .map_err(|errno| Failed::new("sync the directory", store.path(directory_key), errno).maybe_applied())
}

/// Creates a directory unless another process did so first.
fn create_in(parent: impl AsFd, name: impl rustix::path::Arg) -> Result<(), Errno> {
    match fs::mkdirat(parent, name, PRIVATE) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}
