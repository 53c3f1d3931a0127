//! Who can have written a file: the rules that `sshd` applies to keys, for code that runs with the user's rights.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::error::RejectReason;

const GROUP_WRITE: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
const PERMISSIONS: u32 = 0o7777;

/// The users whose files are trusted: root, the user who runs the program, and who installed it.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    user: u32,
    installer: Option<u32>,
}

impl Trust {
    /// Trust for a directory, whose files may also belong to the user who installed the program, if one is given.
    pub(super) fn new(installer: Option<u32>) -> Self {
        Self { user: rustix::process::geteuid().as_raw(), installer }
    }

    /// Checks a directory and every one above it. Returns its canonical path, whose parts nobody else can exchange.
    pub(super) fn check_directory(&self, directory: &Path) -> Result<PathBuf, RejectReason> {
        let canonical = directory.canonicalize().map_err(|error| unreadable(&error))?;
        for above in canonical.ancestors() {
            let metadata = above.symlink_metadata().map_err(|error| unreadable(&error))?;
            // In a sticky directory such as /tmp nobody can rename or remove what belongs to another user. That does
            // not help the directory that is searched itself: anybody could add a plugin there.
            let shared = above != canonical && metadata.mode() & STICKY != 0;
            self.check(&metadata, Some(above), shared)?;
        }
        Ok(canonical)
    }

    /// Checks an open file.
    pub(super) fn check_file(&self, metadata: &Metadata) -> Result<(), RejectReason> {
        self.check(metadata, None, false)
    }

    fn check(
        &self,
        metadata: &Metadata,
        directory: Option<&Path>,
        may_be_shared: bool,
    ) -> Result<(), RejectReason> {
        let directory = directory.map(Path::to_owned);
        let (owner, mode) = (metadata.uid(), metadata.mode());
        if owner != 0 && owner != self.user && Some(owner) != self.installer {
            return Err(RejectReason::ForeignOwner { directory, owner, user: self.user });
        }
        // Many systems give each user a group of their own with the same id, and a umask that lets it write.
        let group_writes = mode & GROUP_WRITE != 0 && metadata.gid() != owner;
        if !may_be_shared && (mode & OTHERS_WRITE != 0 || group_writes) {
            return Err(RejectReason::WritableByOthers { directory, mode: mode & PERMISSIONS });
        }
        Ok(())
    }
}

/// Opens a file for reading without following a link or waiting for a pipe's other end, and refuses all but files.
pub(super) fn open(path: &Path) -> Result<(File, Metadata), RejectReason> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits())
        .map_err(|_| unreadable(&io::Error::other("the flags of open do not fit")))?;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => RejectReason::Symlink,
        // What opening a socket answers.
        Some(Errno::NXIO) => RejectReason::NotAFile,
        _ => unreadable(&error),
    })?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(RejectReason::NotAFile);
    }
    Ok((file, metadata))
}

/// The reason for an error of the operating system.
pub(super) fn unreadable(error: &io::Error) -> RejectReason {
    RejectReason::Unreadable { error: error.to_string() }
}
