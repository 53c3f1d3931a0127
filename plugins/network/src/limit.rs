//! Time limits.

use std::future::Future;
use std::time::Duration;

use persist_plugin_api::{Error, ErrorCode, Result};

/// Runs a call and gives it up when it takes too long; `attempt` says what it was, as in `cannot read "k" in …`.
///
/// # Errors
/// The call's own, or a retryable [`ErrorCode::TIMEOUT`], which leaves open whether a write happened.
pub async fn within<T>(
    limit: Duration,
    attempt: impl FnOnce() -> String,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        let message = format!("{}: no answer came within {} ms", attempt(), limit.as_millis());
        Err(Error::new(ErrorCode::TIMEOUT, message).retryable(true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_given_up_and_may_have_happened() {
        let limit = Duration::from_millis(50);
        let never = std::future::pending::<Result<()>>();
        let error = within(limit, || "cannot write \"k\"".to_owned(), never).await.unwrap_err();
        assert_eq!(error.message(), "cannot write \"k\": no answer came within 50 ms");
        assert!(error.is_retryable() && !error.is_not_applied());
        assert_eq!(within(limit, String::new, async { Ok(3) }).await.unwrap(), 3);
    }
}
