//! How a command ends when it does not end well.

use std::io;

use persist_host::{Error, ErrorKind};

use super::exit::Exit;
use super::interrupt::Signal;
use super::output::Output;

/// What a verb gives back.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error to report.
    Error(Error),
    /// Nobody reads the output any more, as in `persist list | head`. That is no error.
    ClosedPipe,
    /// The user or the system asked the process to stop.
    Interrupted { signal: Signal, note: Option<String> },
}

impl Failure {
    /// A failure to write to standard output.
    pub(crate) fn stdout(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::ClosedPipe;
        }
        let message = "cannot write to standard output";
        Self::Error(Error::new(ErrorKind::Other, "output_failed", message).with_source(error))
    }

    /// Tells the user and chooses the exit code.
    pub(crate) fn report(self, output: &Output) -> Exit {
        match self {
            Self::Error(error) => {
                output.error(&error);
                Exit::of(error.kind())
            }
            Self::ClosedPipe => Exit::Done,
            Self::Interrupted { signal, note } => {
                output.interrupted(signal, note.as_deref());
                signal.exit()
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}
