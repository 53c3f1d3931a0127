use std::{io, path::PathBuf};

/// Why a test server cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The server's executable is not where it is looked for.
    #[error("{} is not there; `cargo xtask servers` installs it", path.display())]
    NotInstalled {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The server's process, its data directory or its configuration could not be made.
    #[error("cannot {attempt}")]
    Io {
        /// What was attempted, as in "cannot …".
        attempt: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// No set of ports was free on the loopback interface.
    #[error("no free ports for {server} on 127.0.0.1 after {attempts} attempts")]
    NoPorts {
        /// The server's name.
        server: &'static str,
        /// How many sets of ports were tried.
        attempts: u32,
    },
    /// The server did not answer as it should.
    #[error("{server}: {attempt}: expected {expected}, found {found}")]
    Unexpected {
        /// The server's name.
        server: &'static str,
        /// What was asked of it.
        attempt: String,
        /// The answer that shows that it works.
        expected: &'static str,
        /// The last answer, or the end of its log.
        found: String,
    },
    /// The environment describes a running server only in part.
    #[error("{present} is set but {missing} is not; set both, or neither")]
    PartialEnvironment {
        /// The variable that is set.
        present: &'static str,
        /// The variable that should be set beside it.
        missing: &'static str,
    },
}

impl ServerError {
    /// Turns an I/O error into [`ServerError::Io`], to be used with `map_err`.
    pub(crate) fn io(attempt: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let attempt = attempt.into();
        move |source| Self::Io { attempt, source }
    }
}

/// An error's text, with that of each of its causes on a line of its own.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str("\n  because: ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_the_error_line_by_line() {
        let error = ServerError::io("open x")(io::Error::other("too bad"));
        assert_eq!(with_causes(&error), "cannot open x\n  because: too bad");
    }
}
