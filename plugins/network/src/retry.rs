//! Asking a server again.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use persist_plugin_api::{Error, Result, report_retry};
use serde::Deserialize;

use crate::check::{check_number, wrong};

/// The longest wait that an option may name, in milliseconds: an hour.
const MAX_BACKOFF_MS: u64 = 60 * 60 * 1000;

/// The table `retry` of a plugin's options.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RetryOptions {
    /// How often a call is tried, the first time included.
    max_attempts: u32,
    /// The shortest wait before the second attempt, in milliseconds; it doubles with each further one. Up to as much again
    /// is added at random, so that many clients do not come back together.
    initial_backoff_ms: u64,
    /// The longest wait before any attempt, in milliseconds, before what is added at random.
    max_backoff_ms: u64,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { max_attempts: 5, initial_backoff_ms: 50, max_backoff_ms: 5_000 }
    }
}

impl RetryOptions {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`ErrorCode::CONFIG`](persist_plugin_api::ErrorCode::CONFIG) when one is out of range.
    pub fn check(&self) -> Result<Retry> {
        check_number("retry.max_attempts", self.max_attempts.into(), 1..=100)?;
        check_number("retry.max_backoff_ms", self.max_backoff_ms, 1..=MAX_BACKOFF_MS)?;
        if !(1..=self.max_backoff_ms).contains(&self.initial_backoff_ms) {
            return Err(wrong(format!(
                "retry.initial_backoff_ms = {} is out of range; 1 to retry.max_backoff_ms = {} are allowed",
                self.initial_backoff_ms, self.max_backoff_ms
            )));
        }
        Ok(Retry { options: *self })
    }
}

/// Repeats calls that failed for a reason that may pass.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    options: RetryOptions,
}

impl Retry {
    /// Makes a call that may be made twice without harm (a read, a removal, a write that replaces) until it succeeds, fails
    /// with an error that is not [retryable](Error::is_retryable), or has been tried as often as the options allow; the
    /// last error is the result. `request` names the kind of call for metrics and logs; `call` gets the number of the
    /// attempt, from 1 on, for its messages.
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn repeat<T, F>(&self, request: &str, call: impl FnMut(u32) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.run(request, call, Error::is_retryable).await
    }

    /// As [`repeat`](Self::repeat), for a call that must not be made again once it may have had an effect, as the creation of
    /// an object: after a lost answer, a second attempt would find its own object in the way. It is repeated only after errors
    /// that say that [nothing was applied](Error::is_not_applied).
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn repeat_unapplied<T, F>(&self, request: &str, call: impl FnMut(u32) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.run(request, call, |error| error.is_retryable() && error.is_not_applied()).await
    }

    async fn run<T, F>(
        &self,
        request: &str,
        mut call: impl FnMut(u32) -> F,
        again: impl FnMut(&Error) -> bool,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let attempt = AtomicU32::new(1);
        let waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(self.options.initial_backoff_ms))
            .with_max_delay(Duration::from_millis(self.options.max_backoff_ms))
            .with_factor(2.0)
            .with_jitter()
            .with_max_times(self.options.max_attempts.saturating_sub(1) as usize);
        (|| call(attempt.load(Ordering::Relaxed)))
            .retry(waits)
            .sleep(tokio::time::sleep)
            .when(again)
            .notify(|_, _| {
                let next = attempt.fetch_add(1, Ordering::Relaxed) + 1;
                report_retry(request, next);
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use persist_plugin_api::ErrorCode;

    use super::*;

    fn retry(max_attempts: u32) -> Retry {
        RetryOptions { max_attempts, initial_backoff_ms: 10, max_backoff_ms: 40 }.check().unwrap()
    }

    fn lost() -> Error {
        Error::new(ErrorCode::UNAVAILABLE, "lost").retryable(true)
    }

    /// How many attempts are made at a call that always fails in this way, and their numbers' sum.
    async fn attempts(max_attempts: u32, unapplied: bool, failure: fn() -> Error) -> (u32, u32) {
        let (made, sum) = (AtomicU32::new(0), AtomicU32::new(0));
        let call = |attempt| {
            made.fetch_add(1, Ordering::Relaxed);
            sum.fetch_add(attempt, Ordering::Relaxed);
            async move { Err::<(), _>(failure()) }
        };
        let retry = retry(max_attempts);
        let result = if unapplied {
            retry.repeat_unapplied("test", call).await
        } else {
            retry.repeat("test", call).await
        };
        result.unwrap_err();
        (made.into_inner(), sum.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_may_pass_is_tried_again_and_only_so_often() {
        assert_eq!(attempts(4, false, lost).await, (4, 1 + 2 + 3 + 4));
        assert_eq!(attempts(1, false, lost).await, (1, 1));
        assert_eq!(attempts(4, false, || Error::new(ErrorCode::OTHER, "no")).await, (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_creation_is_repeated_only_when_nothing_can_have_happened() {
        assert_eq!(attempts(4, true, lost).await.0, 1);
        assert_eq!(attempts(4, true, || lost().not_applied(true)).await.0, 4);
        assert_eq!(attempts(4, true, || Error::already_exists("k")).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_their_bound() {
        let begin = tokio::time::Instant::now();
        assert_eq!(attempts(6, false, lost).await.0, 6);
        let waited = begin.elapsed().as_millis();
        let least = 10 + 20 + 40 + 40 + 40;
        // Each wait is rounded up to a millisecond.
        assert!((least..=2 * least + 5).contains(&waited), "{waited} ms");
    }

    #[test]
    fn wrong_numbers_are_refused_by_name() {
        for (text, option) in [
            (r#"{"max_attempts": 0}"#, "retry.max_attempts"),
            (r#"{"initial_backoff_ms": 0}"#, "retry.initial_backoff_ms"),
            (r#"{"initial_backoff_ms": 20, "max_backoff_ms": 10}"#, "retry.initial_backoff_ms"),
            (r#"{"max_backoff_ms": 3600001}"#, "retry.max_backoff_ms"),
        ] {
            let options: RetryOptions = serde_json::from_str(text).unwrap();
            let error = options.check().unwrap_err();
            assert!(error.message().starts_with(option), "{error}");
        }
        serde_json::from_str::<RetryOptions>(r#"{"attempts": 3}"#).unwrap_err();
    }
}
