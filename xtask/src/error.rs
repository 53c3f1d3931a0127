//! What can go wrong in a project command.

use std::{io, process::ExitStatus};

use persist_test_support::ServerError;

pub(crate) type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{reason}")]
    Usage { reason: String },
    #[error("`{line}` cannot be started")]
    Start { line: String, source: io::Error },
    #[error("`{line}` failed ({status})")]
    Failed { line: String, status: ExitStatus },
    #[error("step `{step}` failed")]
    Step { step: &'static str, source: Box<Error> },
    #[error("cannot {attempt}")]
    Io { attempt: String, source: io::Error },
    #[error("`{line}` printed something else than its figures")]
    Figures { line: String, source: serde_json::Error },
    #[error("{found}")]
    Unexpected { found: String },
    #[error("the test server does not start")]
    Server(#[from] ServerError),
}

impl Error {
    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self::Usage { reason: reason.into() }
    }

    /// Turns an I/O error into [`Error::Io`], to be used with `map_err`.
    pub(crate) fn io(attempt: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let attempt = attempt.into();
        move |source| Self::Io { attempt, source }
    }
}
