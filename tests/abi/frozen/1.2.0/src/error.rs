//! Errors of adapters: an open code, what a caller may assume, a message, and the chain of causes.

use std::error::Error as StdError;
use std::fmt;

/// A result whose error is an adapter's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as a number that both sides of the boundary understand.
///
/// The set is open: a host that does not know a plugin's newer code treats it as [`ErrorCode::OTHER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(u16);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The stable name of the code, for example `not_found`; `other` for a code this version does not know.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self.0 { $($number => $text,)* _ => "other" }
            }
        }
    };
}

codes! {
    /// Nothing more specific applies.
    OTHER = 0, "other";
    /// The object does not exist.
    NOT_FOUND = 1, "not_found";
    /// The object exists already and was left as it was.
    ALREADY_EXISTS = 2, "already_exists";
    /// The credentials or the file permissions do not allow the operation.
    PERMISSION_DENIED = 3, "permission_denied";
    /// The call's own arguments are wrong, for example a key that the adapter cannot hold.
    INVALID_ARGUMENT = 4, "invalid_argument";
    /// The adapter's options are wrong.
    CONFIG = 5, "config";
    /// No answer came in time.
    TIMEOUT = 6, "timeout";
    /// The backend cannot be reached or says that it cannot serve now.
    UNAVAILABLE = 7, "unavailable";
    /// The adapter does not offer the operation.
    UNSUPPORTED = 8, "unsupported";
    /// The plugin panicked; the panic was caught at the boundary.
    PANIC = 9, "panic";
    /// The operation was cancelled.
    CANCELLED = 10, "cancelled";
    /// The backend asks for fewer requests.
    THROTTLED = 11, "throttled";
    /// The bucket, container or root directory is missing.
    CONTAINER_MISSING = 12, "container_missing";
    /// The backend has no room, or a configured bound is reached.
    NO_SPACE = 13, "no_space";
    /// An output would pass the bound that the caller set.
    LIMIT_EXCEEDED = 14, "limit_exceeded";
    /// The data is not what its format promises, for example a damaged compressed stream.
    CORRUPT = 15, "corrupt";
    /// The handle was opened by another process, before a `fork`.
    FORKED = 16, "forked";
    /// A write that can perhaps be read already, and that the backend could not make durable: reading it back settles
    /// nothing.
    NOT_DURABLE = 17, "not_durable";
    /// The adapter answered what the interface does not allow. Hosts say so of adapters; an adapter has no use for it.
    WRONG_ANSWER = 18, "wrong_answer";
}

impl ErrorCode {
    /// The code with this number, known or not.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// The number that crosses the boundary.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// An adapter's error.
///
/// `message` says what was attempted, on which object, and what was found; it never repeats its source, which is
/// reached through [`std::error::Error::source`], and never holds a secret.
#[derive(Debug)]
pub struct Error {
    code: ErrorCode,
    message: String,
    retryable: bool,
    not_applied: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with a code and a message.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let not_applied = matches!(
            code,
            ErrorCode::ALREADY_EXISTS
                | ErrorCode::PERMISSION_DENIED
                | ErrorCode::INVALID_ARGUMENT
                | ErrorCode::CONFIG
                | ErrorCode::UNSUPPORTED
                | ErrorCode::FORKED
        );
        Self { code, message: message.into(), retryable: false, not_applied, source: None }
    }

    /// The error for a missing object.
    #[must_use]
    pub fn not_found(key: &str) -> Self {
        Self::new(ErrorCode::NOT_FOUND, format!("there is no object {key:?}"))
    }

    /// The error for an object that exists already.
    #[must_use]
    pub fn already_exists(key: &str) -> Self {
        Self::new(ErrorCode::ALREADY_EXISTS, format!("the object {key:?} exists already"))
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says that the same call may succeed later.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Says whether a failed write has *certainly* not been applied.
    ///
    /// Leave it `false` whenever the backend may have applied, or may yet apply, the write (a timeout, a lost
    /// connection): the host then reads back before it reports anything. If even a write that can be read back may be
    /// lost (a directory sync that failed after the link), say [`ErrorCode::NOT_DURABLE`].
    #[must_use]
    pub fn not_applied(mut self, not_applied: bool) -> Self {
        self.not_applied = not_applied;
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The message, without the cause.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Whether a failed write has certainly not been applied.
    #[must_use]
    pub fn is_not_applied(&self) -> bool {
        self.not_applied
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_leaves_the_cause_to_the_chain() {
        let error =
            Error::new(ErrorCode::OTHER, "cannot write").with_source(std::io::Error::other("disk gone"));
        assert_eq!(error.to_string(), "cannot write");
        assert_eq!(error.source().unwrap().to_string(), "disk gone");
    }

    #[test]
    fn only_refusals_are_certain_not_to_have_been_applied() {
        assert!(Error::already_exists("k").is_not_applied());
        assert!(!Error::new(ErrorCode::TIMEOUT, "slow").is_not_applied());
        assert!(!Error::new(ErrorCode::OTHER, "?").is_not_applied());
    }

    #[test]
    fn an_unknown_code_reads_as_other() {
        assert_eq!(ErrorCode::from_number(999).name(), "other");
        assert_eq!(ErrorCode::from_number(1), ErrorCode::NOT_FOUND);
    }
}
