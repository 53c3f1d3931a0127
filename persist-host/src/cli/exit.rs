//! The exit codes. They are part of the interface: a code never changes its meaning.

use persist_host::ErrorKind;

/// What the process exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failure = 1,
    Usage = 2,
    NotFound = 3,
    Integrity = 4,
    Conflict = 5,
    Plugin = 6,
    Unavailable = 7,
    OutcomeUnknown = 8,
    Interrupted = 130,
    Terminated = 143,
}

impl Exit {
    /// The code for an error.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Integrity => Self::Integrity,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Plugin => Self::Plugin,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::OutcomeUnknown => Self::OutcomeUnknown,
            // `InvalidInput`, `Incompatible`, `Other`, and kinds of later releases of the library.
            _ => Self::Failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_knows_the_codes() {
        for kind in ErrorKind::ALL {
            assert_eq!(Exit::of(kind) as u8, kind.exit_code(), "{kind:?}");
        }
    }
}
