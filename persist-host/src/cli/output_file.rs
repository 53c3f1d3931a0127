//! Writing a file: whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use persist_host::{Error, ErrorKind, Result};
use tempfile::NamedTempFile;

/// A file that will be written.
#[derive(Clone, Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    overwrite: bool,
}

impl OutputFile {
    /// Checks that the file may be written.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when it exists and is not to be overwritten.
    pub(crate) fn new(path: PathBuf, overwrite: bool) -> Result<Self> {
        let file = Self { path, overwrite };
        match fs::metadata(&file.path) {
            Ok(found) if found.is_dir() => {
                let message = format!("cannot write to {}: it is a directory", file.path.display());
                Err(Error::new(ErrorKind::InvalidInput, "output_is_directory", message))
            }
            Ok(found) if found.is_file() && !overwrite => Err(file.exists()),
            _ => Ok(file),
        }
    }

    /// Writes the file. An existing one is replaced as a whole; on failure nothing is left behind.
    pub(crate) fn write(&self, state: &Bytes) -> Result<()> {
        let written =
            if self.is_special() { self.write_through(state) } else { self.write_atomically(state) };
        written.map_err(|error| self.failed(error))
    }

    /// A temporary file for what takes a while to write, to be given to [`finish`](Self::finish).
    pub(crate) fn temporary(&self) -> Result<NamedTempFile> {
        let file = if self.is_special() {
            NamedTempFile::new()
        } else {
            temporary_file(directory_of(&self.target()))
        };
        file.map_err(|error| self.failed(error))
    }

    /// Puts a temporary file that was written in the place of this one.
    pub(crate) fn finish(&self, mut file: NamedTempFile) -> Result<()> {
        let finished = if self.is_special() {
            let copied = file.as_file_mut().rewind();
            copied.and_then(|()| io::copy(file.as_file_mut(), &mut self.open_special()?)).map(drop)
        } else {
            self.replace(file)
        };
        finished.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return self.exists();
        }
        let message = format!("cannot write to {}; the file was left as it was", self.path.display());
        Error::new(ErrorKind::Other, "output_failed", message).with_source(error)
    }

    /// A device or a pipe cannot be replaced, and has no earlier content to protect.
    fn is_special(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| !found.is_file())
    }

    fn open_special(&self) -> io::Result<File> {
        OpenOptions::new().write(true).open(&self.path)
    }

    fn write_through(&self, state: &Bytes) -> io::Result<()> {
        self.open_special()?.write_all(state)
    }

    fn write_atomically(&self, state: &Bytes) -> io::Result<()> {
        let mut file = temporary_file(directory_of(&self.target()))?;
        file.write_all(state)?;
        self.replace(file)
    }

    /// Through a link, the file it points to is replaced and the link stays.
    fn target(&self) -> PathBuf {
        let target = if self.overwrite { fs::canonicalize(&self.path) } else { Ok(self.path.clone()) };
        target.unwrap_or_else(|_| self.path.clone())
    }

    fn replace(&self, file: NamedTempFile) -> io::Result<()> {
        let target = self.target();
        if self.overwrite
            && let Ok(replaced) = fs::metadata(&target)
        {
            // What only its owner could read does not open up because its content is new.
            file.as_file().set_permissions(replaced.permissions())?;
        }
        file.as_file().sync_all()?;
        if self.overwrite {
            file.persist(&target).map_err(|error| error.error)?;
        } else {
            file.persist_noclobber(&target).map_err(|error| error.error)?;
        }
        sync_directory(directory_of(&target))
    }

    fn exists(&self) -> Error {
        let message = format!("the file {} exists already and was left as it is", self.path.display());
        Error::new(ErrorKind::Conflict, "output_exists", message).with_hint("overwrite it with --force")
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A temporary file beside the target. It gets the permissions that the user's mask gives any new file.
fn temporary_file(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".persist-output-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

/// Makes a new name durable, where directories can be synchronised.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Does work on files off the asynchronous threads.
pub(crate) async fn off_thread(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let message = "the thread that writes the file ended early";
        Err(Error::new(ErrorKind::Other, "output_failed", message).with_source(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn an_existing_file_is_replaced_only_on_request() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        OutputFile::new(path.clone(), false).unwrap().write(&Bytes::from("1")).unwrap();
        let error = OutputFile::new(path.clone(), false).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "output_exists"));
        assert_eq!(fs::read(&path).unwrap(), b"1");
        OutputFile::new(path.clone(), true).unwrap().write(&Bytes::from("2")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(names(directory.path()), ["state.json"]);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        let file = OutputFile::new(path.clone(), false).unwrap();
        fs::write(&path, "other").unwrap();
        assert_eq!(file.write(&Bytes::from("mine")).unwrap_err().code(), "output_exists");
        assert_eq!(fs::read(&path).unwrap(), b"other");
        assert_eq!(names(directory.path()), ["state.json"]);
    }

    #[test]
    fn a_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let error = OutputFile::new(directory.path().to_owned(), true).unwrap_err();
        assert_eq!(error.code(), "output_is_directory");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        OutputFile::new(link.clone(), true).unwrap().write(&Bytes::from("new")).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert!(link.is_symlink());
    }
}
