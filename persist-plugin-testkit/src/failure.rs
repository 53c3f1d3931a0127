//! How a check says what it found.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;

use persist_plugin_api::{Error, ErrorCode};

/// What a check ends with.
pub type Outcome = Result<(), Failure>;

/// Why an adapter does not pass a check, in words.
pub struct Failure(String);

impl Failure {
    /// A failure with what was done, found and expected.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The failure of a check that panicked, which is the adapter's doing.
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self(format!("it panicked: {}", text.unwrap_or("without a text")))
    }
}

impl From<Error> for Failure {
    /// An error where the check expected success, with its code and causes.
    fn from(error: Error) -> Self {
        Self(format!("unexpected error: {}", describe(&error)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Failure {}

/// Fails the check unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::failure::Failure::new(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

/// Requires that a call failed with a code, and returns its error.
pub(crate) fn expect_error<T>(
    result: Result<T, Error>,
    code: ErrorCode,
    what: impl fmt::Display,
) -> Result<Error, Failure> {
    match result {
        Err(error) if error.code() == code => Ok(error),
        Err(error) => Err(Failure::new(format!(
            "{what}: expected the code {}, found {}",
            code.name(),
            describe(&error)
        ))),
        Ok(_) => Err(Failure::new(format!("{what}: expected the code {}, but it succeeded", code.name()))),
    }
}

/// Requires that two byte strings are equal, without printing megabytes.
pub(crate) fn expect_bytes(found: &[u8], expected: &[u8], what: impl fmt::Display) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let common = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    Err(Failure::new(format!(
        "{what}: found {} bytes, expected {}; they differ from byte {common} on",
        found.len(),
        expected.len()
    )))
}

/// The report of a run that failed.
pub(crate) fn report(failed: &[(&str, Failure)], total: usize) -> String {
    let mut text = format!("{} of {total} conformance checks failed:", failed.len());
    for (name, failure) in failed {
        text.push_str(&format!("\n  {name}: {failure}"));
    }
    text
}

fn describe(error: &Error) -> String {
    let mut text = format!("{} ({})", error.message(), error.code().name());
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_each_failed_check_and_the_chain_of_its_cause() {
        let error = Error::new(ErrorCode::TIMEOUT, "cannot write").with_source(std::io::Error::other("slow"));
        let text = report(&[("storage::load", Failure::from(error))], 9);
        assert_eq!(
            text,
            "1 of 9 conformance checks failed:\n  storage::load: unexpected error: cannot write (timeout): slow"
        );
    }

    #[test]
    fn success_where_an_error_is_due_is_a_failure() {
        assert!(expect_error(Ok(()), ErrorCode::NOT_FOUND, "load").is_err());
        assert!(expect_error::<()>(Err(Error::not_found("k")), ErrorCode::NOT_FOUND, "load").is_ok());
        assert!(expect_error::<()>(Err(Error::already_exists("k")), ErrorCode::NOT_FOUND, "load").is_err());
    }
}
