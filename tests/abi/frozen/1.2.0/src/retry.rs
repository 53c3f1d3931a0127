//! Telling the host that a backend was asked again.

/// The target of the events that tell of retries. The host takes them whatever its filters say.
pub(crate) const TARGET: &str = "persist::retry";

/// Tells the host that a request to a backend is made again after a failure. The host counts it in its metrics and logs it
/// at the level `debug`; `attempt` is the number of the attempt that now begins, from 2 on.
///
/// `request` names the kind of request, such as `PutObject`, for people.
pub fn report_retry(request: &str, attempt: u32) {
    tracing::debug!(target: TARGET, request, attempt, "asking the backend again");
}
