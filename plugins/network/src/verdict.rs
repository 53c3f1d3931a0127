//! From what became of a request to the host's error.

use std::fmt;

use persist_plugin_api::{Error, ErrorCode};

/// What the failure of a request means for the host.
#[derive(Debug)]
pub struct Verdict {
    /// What kind of failure it is.
    pub code: ErrorCode,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Whether the server certainly did nothing.
    pub not_applied: bool,
    /// What happened, and what to do about it.
    pub finding: String,
}

impl Verdict {
    /// On a request that a server said no to, or was never asked: it has not happened.
    #[must_use]
    pub fn refused(code: ErrorCode, retryable: bool, finding: impl Into<String>) -> Self {
        Self { code, retryable, not_applied: true, finding: finding.into() }
    }

    /// On a request that the server may have carried out.
    #[must_use]
    pub fn unclear(code: ErrorCode, retryable: bool, finding: impl Into<String>) -> Self {
        Self { not_applied: false, ..Self::refused(code, retryable, finding) }
    }

    /// The host's error; `attempt` says what was asked for, as [`write_attempt`] does.
    #[must_use]
    pub fn into_error(self, attempt: impl fmt::Display) -> Error {
        Error::new(self.code, format!("{attempt}: {}", self.finding))
            .retryable(self.retryable)
            .not_applied(self.not_applied)
    }
}

/// Writes what was attempted, as in `cannot write "k" in …`; without a key it was about the place.
///
/// # Errors
/// Those of the formatter.
pub fn write_attempt(
    f: &mut fmt::Formatter<'_>,
    verb: &str,
    key: Option<&str>,
    place: impl fmt::Display,
) -> fmt::Result {
    match key {
        Some(key) => write!(f, "cannot {verb} {key:?} in {place}"),
        None => write!(f, "cannot {verb} {place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Attempt(Option<&'static str>);

    impl fmt::Display for Attempt {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_attempt(f, "list", self.0, "the store")
        }
    }

    #[test]
    fn an_error_tells_the_attempt_and_the_finding() {
        let refused = Verdict::refused(ErrorCode::THROTTLED, true, "too much").into_error(Attempt(Some("k")));
        assert_eq!(refused.message(), "cannot list \"k\" in the store: too much");
        assert_eq!(refused.code(), ErrorCode::THROTTLED);
        assert!(refused.is_retryable() && refused.is_not_applied());
        let unclear = Verdict::unclear(ErrorCode::OTHER, false, "lost").into_error(Attempt(None));
        assert_eq!(unclear.message(), "cannot list the store: lost");
        assert!(!unclear.is_retryable() && !unclear.is_not_applied());
    }
}
