//! How long the cache may take, and when it is left alone because it took longer.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a call may take that moves few bytes.
const CALL: Duration = Duration::from_secs(30);

/// How many bytes a call may move in each second beyond that.
const BYTES_PER_SECOND: u64 = 1 << 20;

/// How long the cache is left alone after a call that took too long.
const REST: Duration = Duration::from_secs(60);

/// How long a removal may take meanwhile: it is tried even then.
const CALL_AT_REST: Duration = Duration::from_secs(1);

/// After how many failed calls in a row the cache is left alone: each may have taken its adapter's own retries.
const FAILURES: u32 = 3;

/// Patience with a cache that is slow, and a rest from one that is too slow.
pub(crate) struct Patience {
    pub(crate) call: Duration,
    pub(crate) rest: Duration,
    resting_until: Mutex<Option<Instant>>,
    /// The calls that failed since the last that did not.
    failures: AtomicU32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { call: CALL, rest: REST, resting_until: Mutex::default(), failures: AtomicU32::new(0) }
    }
}

impl Patience {
    /// How long a call that moves so many bytes may take.
    pub(crate) fn limit(&self, bytes: u64) -> Duration {
        self.call.saturating_add(Duration::from_secs(bytes / BYTES_PER_SECOND))
    }

    /// How long a removal may take.
    pub(crate) fn removal_limit(&self) -> Duration {
        if self.rests() { CALL_AT_REST.min(self.call) } else { self.call }
    }

    /// Whether the cache is left alone just now.
    pub(crate) fn rests(&self) -> bool {
        let until = *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// A call was answered, or failed because the cache could not be reached. Tells whether the cache is left alone from now
    /// on: too many failed in a row. After a rest, one more is enough.
    pub(crate) fn answered(&self, reached: bool) -> bool {
        if reached {
            self.failures.store(0, Ordering::Relaxed);
            return false;
        }
        self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES && self.lost()
    }

    /// A call took too long. Tells whether that is news: before it, the cache was not left alone.
    pub(crate) fn lost(&self) -> bool {
        let now = Instant::now();
        let mut until = self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        let news = until.is_none_or(|until| until <= now);
        *until = Some(now + self.rest);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_grows_with_the_bytes() {
        let patience = Patience::default();
        assert_eq!(patience.limit(1000), CALL);
        assert_eq!(patience.limit(1 << 30), CALL + Duration::from_secs(1024));
        assert!(patience.limit(u64::MAX) > CALL);
    }

    #[test]
    fn failures_in_a_row_lead_to_a_rest_and_an_answer_forgets_them() {
        let patience = Patience::default();
        for _ in 0..3 {
            for _ in 1..FAILURES {
                assert!(!patience.answered(false) && !patience.rests());
            }
            assert!(!patience.answered(true));
        }
        assert_eq!([(); FAILURES as usize].map(|()| patience.answered(false)), [false, false, true]);
        assert!(patience.rests() && !patience.answered(false));
    }

    #[test]
    fn a_rest_ends_and_is_news_once() {
        let patience = Patience { rest: Duration::ZERO, ..Patience::default() };
        assert!(!patience.rests() && patience.lost());
        assert!(!patience.rests(), "that rest was over at once");
        let patience = Patience::default();
        assert!(patience.lost() && patience.rests() && !patience.lost());
        assert!(patience.removal_limit() < patience.limit(0));
    }
}
