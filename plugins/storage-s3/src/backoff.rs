//! Waiting between attempts at what the SDK itself does not repeat.

use std::time::Duration;

use persist_plugin_api::report_retry;

use crate::config::Settings;

/// Exponential waits with full jitter, by the same options that rule the SDK's own retries.
pub(crate) struct Backoff {
    ceiling: Duration,
    max: Duration,
    max_attempts: u32,
}

impl Backoff {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            ceiling: settings.initial_backoff.min(settings.max_backoff),
            max: settings.max_backoff,
            max_attempts: settings.max_attempts,
        }
    }

    /// Waits before the next attempt and returns `true`, or returns `false` at once when none is left after `made`.
    pub(crate) async fn pause(&mut self, made: u32) -> bool {
        if made >= self.max_attempts {
            return false;
        }
        tokio::time::sleep(self.ceiling.mul_f64(fastrand::f64())).await;
        self.ceiling = self.ceiling.saturating_mul(2).min(self.max);
        report_retry("contended request", made.saturating_add(1));
        true
    }
}
