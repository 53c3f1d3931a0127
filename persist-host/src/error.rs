//! The one public error of the library: its kind tells a caller what to do, its code names the case for programs, and
//! its message, context, hint and causes tell a person what happened.

use std::error::Error as StdError;
use std::fmt;

use persist_plugin_api as plugin;

/// A result with the library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an error. The `persist` command maps each kind to one exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input cannot be accepted: a state that is not JSON, an option with a bad value.
    InvalidInput,
    /// The request itself is malformed: a reference that cannot be read, arguments that exclude each other.
    Usage,
    /// The snapshot, session, agent or store does not exist.
    NotFound,
    /// Stored bytes are not what was stored.
    Integrity,
    /// Somebody else was there first; certainly nothing changed.
    Conflict,
    /// A plugin is missing, refused, or incompatible.
    Plugin,
    /// The backend cannot be reached or cannot serve now; trying again later may help.
    Unavailable,
    /// Whether the save happened is not known. Saving again with the same write id never stores twice.
    OutcomeUnknown,
    /// The store or object needs another release of Persist.
    Incompatible,
    /// Anything else, such as a full disk or missing permission.
    Other,
}

impl ErrorKind {
    /// Every kind that this release knows.
    pub const ALL: [Self; 10] = [
        Self::InvalidInput,
        Self::Usage,
        Self::NotFound,
        Self::Integrity,
        Self::Conflict,
        Self::Plugin,
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::Incompatible,
        Self::Other,
    ];

    /// The kind's stable name, as JSON output carries it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Integrity => "integrity",
            Self::Conflict => "conflict",
            Self::Plugin => "plugin",
            Self::Unavailable => "unavailable",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Incompatible => "incompatible",
            Self::Other => "other",
        }
    }

    /// What the `persist` command exits with for an error of this kind; bindings report the same number.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::InvalidInput | Self::Incompatible | Self::Other => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Integrity => 4,
            Self::Conflict => 5,
            Self::Plugin => 6,
            Self::Unavailable => 7,
            Self::OutcomeUnknown => 8,
        }
    }
}

/// An error of the Persist library.
///
/// [`Display`](fmt::Display) gives the message alone; walk [`StdError::source`] for the causes.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    code: &'static str,
    message: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with a stable code such as `snapshot_not_found`, and a message.
    #[must_use]
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            code,
            message: message.into(),
            context: Vec::new(),
            hint: None,
            source: None,
        }))
    }

    /// Adds a fact, for example the key or the write id. JSON output carries it under this name.
    #[must_use]
    pub fn with_context(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((name, value.to_string()));
        self
    }

    /// Adds the next step for a person.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// An adapter's error while Persist attempted something, described like "cannot read the object". The adapter's
    /// own error becomes the cause, and its code decides the kind.
    #[must_use]
    pub fn from_adapter(attempt: impl Into<String>, error: plugin::Error) -> Self {
        use plugin::ErrorCode as Code;
        let (kind, code) = match error.code() {
            Code::NOT_FOUND => (ErrorKind::NotFound, "object_not_found"),
            Code::ALREADY_EXISTS => (ErrorKind::Conflict, "object_exists"),
            Code::PERMISSION_DENIED => (ErrorKind::Other, "permission_denied"),
            Code::INVALID_ARGUMENT => (ErrorKind::InvalidInput, "adapter_refused_argument"),
            Code::CONFIG => (ErrorKind::InvalidInput, "adapter_options"),
            Code::TIMEOUT => (ErrorKind::Unavailable, "backend_timeout"),
            Code::UNAVAILABLE => (ErrorKind::Unavailable, "backend_unavailable"),
            Code::THROTTLED => (ErrorKind::Unavailable, "backend_throttled"),
            Code::CONTAINER_MISSING => (ErrorKind::Unavailable, "container_missing"),
            Code::NO_SPACE => (ErrorKind::Other, "no_space"),
            Code::UNSUPPORTED => (ErrorKind::Other, "unsupported"),
            Code::PANIC => (ErrorKind::Plugin, "plugin_panicked"),
            Code::WRONG_ANSWER => (ErrorKind::Plugin, "adapter_answer_wrong"),
            Code::CORRUPT | Code::LIMIT_EXCEEDED => (ErrorKind::Integrity, "compressed_data_damaged"),
            Code::FORKED => (ErrorKind::Other, "forked"),
            _ => (ErrorKind::Other, "backend_failed"),
        };
        Self::new(kind, code, attempt).with_source(error)
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The facts: names and values.
    #[must_use]
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// The next step for a person, if there is an obvious one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_error_keeps_its_chain_and_decides_the_kind() {
        let disk = std::io::Error::other("no route to host");
        let cause = plugin::Error::new(plugin::ErrorCode::UNAVAILABLE, "GET failed").with_source(disk);
        let error = Error::from_adapter("cannot read the object", cause).with_context("key", "agents/a");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.to_string(), "cannot read the object");
        let cause = error.source().unwrap();
        assert_eq!(cause.to_string(), "GET failed");
        assert_eq!(cause.source().unwrap().to_string(), "no route to host");
        assert_eq!(error.context(), [("key", "agents/a".to_owned())]);
    }
}
