//! Writing objects whole, and removing them.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};

use persist_plugin_api::{Error, ErrorCode, Result};
use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use uuid::Uuid;

use crate::directory::sync_names;
use crate::error::Failed;
use crate::path::{TEMPORARY, split};
use crate::store::{OPEN_FILES, Store};

/// How often a write starts over because somebody removed its directory meanwhile.
const TRIES: usize = 20;

/// The mode of new files.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// What happens to an object that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and the write is refused.
    Keep,
    /// It is replaced.
    Replace,
}

impl Store {
    /// Writes an object: whole, or not at all.
    pub(crate) fn write(&self, key: &str, data: &[u8], existing: Existing) -> Result<()> {
        let mut tries = 1;
        loop {
            match self.try_write(key, data, existing) {
                Ok(()) => return Ok(()),
                Err(failed) if failed.errno == Errno::EXIST && !failed.maybe_applied => {
                    return Err(Error::already_exists(key));
                }
                Err(failed) if failed.errno == Errno::NOENT && !failed.maybe_applied => {
                    if tries == TRIES {
                        return Err(self.no_directory(key));
                    }
                    self.forget_synced();
                    tries += 1;
                }
                Err(failed) => return Err(failed.into()),
            }
        }
    }

    fn try_write(&self, key: &str, data: &[u8], existing: Existing) -> Result<(), Failed> {
        let path = self.path(key);
        let (directory_key, name) = split(key);
        let way = self.make_parent(key)?;
        let directory = &way.directory;
        if existing == Existing::Keep {
            // Saves writing what `link` would refuse; that there is nothing now proves nothing.
            if fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                // Its writer may have failed, or been killed, before the name was on the disk.
                way.sync(self, directory_key)?;
                return Err(Failed::new("create", path, Errno::EXIST));
            }
        }
        let mut staged = Staged::create(directory, self.nameless)
            .map_err(|errno| Failed::new("create a file for", &path, gone_or(errno, directory)))?;
        staged.file.write_all(data).map_err(|error| {
            Failed::new("write", &path, Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })?;
        if self.fsync {
            fs::fsync(&staged.file).map_err(|errno| Failed::new("sync", &path, errno))?;
        }
        let published = match existing {
            Existing::Keep => staged.create_as(name),
            Existing::Replace => staged.replace(name),
        };
        if let Err(errno) = published {
            if errno == Errno::EXIST {
                way.sync(self, directory_key)?;
            }
            let failed = Failed::new("name the file", &path, errno);
            // Refusals are certain; after anything else the name may be there.
            return Err(if is_refusal(errno) { failed } else { failed.maybe_applied() });
        }
        way.sync(self, directory_key)
    }

    fn no_directory(&self, key: &str) -> Error {
        let path = self.path(key);
        let message = format!(
            "cannot write {}: its directory was gone {TRIES} times after it was made",
            path.display()
        );
        Error::new(ErrorCode::UNAVAILABLE, message).retryable(true).not_applied(true)
    }

    /// Removes an object if it is there.
    pub(crate) fn remove(&self, key: &str) -> Result<(), Failed> {
        let (directory_key, name) = split(key);
        let Some(directory) = self.find_directory(directory_key)? else { return Ok(()) };
        match fs::unlinkat(&directory, name, AtFlags::empty()) {
            Ok(()) => {}
            // A directory is no object.
            Err(Errno::NOENT | Errno::ISDIR) => return Ok(()),
            Err(errno) => {
                let failed = Failed::new("remove", self.path(key), errno);
                return Err(if is_refusal(errno) { failed } else { failed.maybe_applied() });
            }
        }
        sync_names(self, &directory, directory_key)
    }
}

/// Whether the system declined to change a directory, rather than failed at it.
fn is_refusal(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EXIST
            | Errno::NOENT
            | Errno::NOTDIR
            | Errno::ISDIR
            | Errno::LOOP
            | Errno::ACCESS
            | Errno::PERM
            | Errno::ROFS
            | Errno::NOSPC
            | Errno::DQUOT
            | Errno::MLINK
            | Errno::NAMETOOLONG
    )
}

/// [`Errno::NOENT`] if a directory was removed since it was opened: ext4 does not permit (`EPERM`) what could not be
/// linked anyway.
fn gone_or(errno: Errno, directory: &OwnedFd) -> Errno {
    match fs::fstat(directory) {
        Ok(stat) if stat.st_nlink == 0 => Errno::NOENT,
        _ => errno,
    }
}

/// A file that is being written and that nobody sees yet. Dropping it removes what it left under a temporary name.
struct Staged<'d> {
    directory: &'d OwnedFd,
    file: File,
    temporary: Option<String>,
}

impl<'d> Staged<'d> {
    fn create(directory: &'d OwnedFd, nameless: bool) -> Result<Self, Errno> {
        if nameless {
            let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
            match fs::openat(directory, ".", flags, PRIVATE) {
                Ok(file) => return Ok(Self { directory, file: file.into(), temporary: None }),
                // What kernels and file systems without such files answer.
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
                Err(errno) => return Err(errno),
            }
        }
        let name = temporary_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(directory, &*name, flags, PRIVATE)?;
        Ok(Self { directory, file: file.into(), temporary: Some(name) })
    }

    /// Gives the file a name that is free.
    fn create_as(&self, name: &str) -> Result<(), Errno> {
        match &self.temporary {
            Some(temporary) => {
                fs::linkat(self.directory, &**temporary, self.directory, name, AtFlags::empty())
            }
            None => {
                let file = format!("{OPEN_FILES}/{}", self.file.as_raw_fd());
                fs::linkat(fs::CWD, file, self.directory, name, AtFlags::SYMLINK_FOLLOW)
            }
        }
    }

    /// Gives the file a name, which another file may have.
    fn replace(&mut self, name: &str) -> Result<(), Errno> {
        if self.temporary.is_none() {
            // There is no link that replaces; only a rename does, and it needs a name to begin with.
            let temporary = temporary_name();
            self.create_as(&temporary)?;
            self.temporary = Some(temporary);
        }
        let Some(temporary) = &self.temporary else { return Err(Errno::NOENT) };
        fs::renameat(self.directory, &**temporary, self.directory, name)?;
        self.temporary = None;
        Ok(())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        let Some(temporary) = &self.temporary else { return };
        if let Err(errno) = fs::unlinkat(self.directory, &**temporary, AtFlags::empty()) {
            tracing::warn!(file = temporary, error = %errno, "cannot remove a temporary file");
        }
    }
}

fn temporary_name() -> String {
    format!("{TEMPORARY}{}", Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::config::LocalConfig;

    fn store(root: &Path, nameless: bool) -> Store {
        let mut store = Store::open(LocalConfig::new(root)).unwrap();
        assert!(store.nameless, "the tests need /proc");
        store.nameless = nameless;
        store
    }

    fn files(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_write_leaves_one_private_file_on_every_way_of_writing() {
        for nameless in [true, false] {
            let parent = tempfile::tempdir().unwrap();
            let root = parent.path().join("new/root");
            let store = store(&root, nameless);
            assert!(files(parent.path()).is_empty(), "opening writes nothing");
            store.write("a/b", b"first", Existing::Keep).unwrap();
            store.write("a/b", b"second", Existing::Replace).unwrap();
            store.write("a/c", b"third", Existing::Replace).unwrap();
            assert_eq!(files(&root.join("a")), ["b", "c"]);
            assert_eq!(std::fs::read(root.join("a/b")).unwrap(), b"second");
            for (path, mode) in [("", 0o700), ("a", 0o700), ("a/b", 0o600), ("a/c", 0o600)] {
                let found = std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
                assert_eq!(found, mode, "{path:?}");
            }
        }
    }

    #[test]
    fn a_refused_write_leaves_no_temporary_file() {
        for nameless in [true, false] {
            let root = tempfile::tempdir().unwrap();
            let store = store(root.path(), nameless);
            store.write("directory/object", b"x", Existing::Keep).unwrap();
            for (key, existing, code) in [
                ("directory", Existing::Keep, ErrorCode::ALREADY_EXISTS),
                ("directory", Existing::Replace, ErrorCode::INVALID_ARGUMENT),
                ("directory/object", Existing::Keep, ErrorCode::ALREADY_EXISTS),
                ("directory/object/below", Existing::Keep, ErrorCode::INVALID_ARGUMENT),
            ] {
                let error = store.write(key, b"y", existing).unwrap_err();
                assert_eq!(error.code(), code, "{key}: {error}");
                assert!(error.is_not_applied());
            }
            assert_eq!(files(root.path()), ["directory"]);
            assert_eq!(files(&root.path().join("directory")), ["object"]);
        }
    }

    #[test]
    fn a_link_that_loses_the_race_is_refused() {
        for nameless in [true, false] {
            let root = tempfile::tempdir().unwrap();
            let directory = crate::directory::open(root.path()).unwrap();
            let staged = Staged::create(&directory, nameless).unwrap();
            assert_eq!(staged.temporary.is_none(), nameless);
            std::fs::write(root.path().join("taken"), b"winner").unwrap();
            assert_eq!(staged.create_as("taken"), Err(Errno::EXIST));
            drop(staged);
            assert_eq!(files(root.path()), ["taken"]);
            assert_eq!(std::fs::read(root.path().join("taken")).unwrap(), b"winner");
        }
    }

    #[test]
    fn no_symbolic_link_leads_out_of_the_root() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), b"secret").unwrap();
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path(), true);
        symlink(outside.path(), root.path().join("directory")).unwrap();
        symlink(outside.path().join("secret"), root.path().join("file")).unwrap();
        for key in ["directory/secret", "file"] {
            for error in [store.read(key).unwrap_err(), store.stat(key).unwrap_err()] {
                assert!(error.message().contains("symbolic link"), "{error}");
            }
        }
        let error = store.write("directory/new", b"x", Existing::Keep).unwrap_err();
        assert!(error.message().contains("directory: it is a symbolic link"), "{error}");
        assert!(store.remove("directory/secret").is_err());
        // A replacement takes the place of the link, not of what it leads to.
        store.write("file", b"inside", Existing::Replace).unwrap();
        assert_eq!(store.read("file").unwrap(), "inside");
        assert_eq!(files(outside.path()), ["secret"]);
        assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
    }

    #[test]
    fn a_directory_that_is_removed_meanwhile_is_made_again() {
        for nameless in [true, false] {
            let root = tempfile::tempdir().unwrap();
            let mut store = store(root.path(), nameless);
            store.fsync = false;
            let (mut removed, directory) = (0, root.path().join("a/b"));
            let rounds = AtomicUsize::new(0);
            let errors = std::thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    let written = (0..500).map(|round| {
                        rounds.store(round, Ordering::Relaxed);
                        let key = format!("a/b/{round}");
                        store.write(&key, b"x", Existing::Keep)?;
                        Ok(store.remove(&key)?)
                    });
                    written.filter_map(Result::err).collect::<Vec<Error>>()
                });
                let mut this_round = (0, 0);
                while !writer.is_finished() {
                    let round = rounds.load(Ordering::Relaxed);
                    if this_round.0 != round {
                        this_round = (round, 0);
                    }
                    // Fewer often than a write tries, however slowly the writer gets on. It fails while there is an
                    // object in it.
                    if this_round.1 < TRIES / 2 && std::fs::remove_dir(&directory).is_ok() {
                        this_round.1 += 1;
                        removed += 1;
                    }
                    std::thread::sleep(std::time::Duration::from_micros(50));
                }
                writer.join().unwrap()
            });
            assert!(errors.is_empty(), "{} errors, the first: {:?}", errors.len(), errors[0]);
            assert!(removed > 0, "the race took place");
        }
    }
}
