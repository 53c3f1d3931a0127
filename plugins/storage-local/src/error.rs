//! What the system's errors mean.

use std::io;
use std::path::{Path, PathBuf};

use persist_plugin_api::{Error, ErrorCode};
use rustix::io::Errno;

/// A system call that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) attempt: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) errno: Errno,
    /// Whether a write may have happened all the same.
    pub(crate) maybe_applied: bool,
}

impl Failed {
    /// A failure that certainly changed no object.
    pub(crate) fn new(attempt: &'static str, path: impl AsRef<Path>, errno: Errno) -> Self {
        Self { attempt, path: path.as_ref().to_owned(), errno, maybe_applied: false }
    }

    /// A failure of the step that makes a write visible, or of one after it.
    pub(crate) fn maybe_applied(mut self) -> Self {
        self.maybe_applied = true;
        self
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        let Failed { attempt, path, errno, maybe_applied } = failed;
        let hint = if errno == Errno::LOOP {
            ": it is a symbolic link, and none below the root is followed; put what it leads to in its place"
        } else {
            ""
        };
        // A step that failed on the way to the disk leaves a name that can be read and may be gone after a crash.
        let code = if maybe_applied { ErrorCode::NOT_DURABLE } else { code(errno) };
        Error::new(code, format!("cannot {attempt} {}{hint}", path.display()))
            .with_source(io::Error::from(errno))
            .retryable(code == ErrorCode::UNAVAILABLE)
            .not_applied(!maybe_applied)
    }
}

fn code(errno: Errno) -> ErrorCode {
    match errno {
        Errno::NOENT => ErrorCode::NOT_FOUND,
        Errno::EXIST => ErrorCode::ALREADY_EXISTS,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => ErrorCode::PERMISSION_DENIED,
        Errno::NOSPC | Errno::DQUOT => ErrorCode::NO_SPACE,
        // A segment that is an object, a key that is a directory, a file system with shorter names than usual.
        Errno::NOTDIR | Errno::ISDIR | Errno::NAMETOOLONG => ErrorCode::INVALID_ARGUMENT,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => ErrorCode::UNAVAILABLE,
        _ => ErrorCode::OTHER,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn an_error_names_the_attempt_and_the_path_and_keeps_the_cause_in_its_chain() {
        let error = Error::from(Failed::new("write", "/root/key", Errno::NOSPC));
        assert_eq!(error.code(), ErrorCode::NO_SPACE);
        assert_eq!(error.message(), "cannot write /root/key");
        assert!(error.source().unwrap().to_string().contains("No space left on device"));
        assert!(error.is_not_applied());
    }

    #[test]
    fn a_failure_after_the_link_leaves_the_outcome_open() {
        for errno in [Errno::IO, Errno::ACCESS, Errno::ROFS, Errno::DQUOT] {
            let error = Error::from(Failed::new("sync", "/root", errno).maybe_applied());
            assert_eq!(error.code(), ErrorCode::NOT_DURABLE, "{errno}");
            assert!(!error.is_not_applied(), "{errno}");
        }
    }
}
