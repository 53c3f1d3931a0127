//! What an operator sees: metrics, logs, traces, the audit trail and `persist doctor`, with real servers on the other side.
#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

mod doctor;
mod files;
mod logs;
mod metrics;
mod secrets;
mod traces;

use std::time::{Duration, Instant};

/// How long something that has to come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "this did not come: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
