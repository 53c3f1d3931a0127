//! Metrics of this process, in the text format of Prometheus: what its stores did, how long it took and what it cost.
//!
//! There is one registry a process, and every store that [`open_store`](crate::open_store) opens counts in it. Counting is
//! always on; it takes some hundred nanoseconds an operation. What is counted is told by [`text`], written to a file for
//! `node_exporter`'s textfile collector by [`write_file`], or served over HTTP by `serve`, with the cargo feature
//! `metrics-listener`. `docs/metrics.md` lists all metrics.
//!
//! Labels hold names that the config, the plugins and Persist itself choose. Agents, sessions and keys are never labels.

mod families;
mod file;
#[cfg(feature = "metrics-listener")]
mod listener;
mod observer;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use families::Families;
pub use file::write_file;
#[cfg(feature = "metrics-listener")]
pub use listener::{Listener, serve};
use prometheus::TextEncoder;

use crate::observe::Observer;
use crate::plugins::RejectReason;

/// The media type of [`text`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// How metrics are served: the table `metrics` of a config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Where a long-lived program listens for scrapes, if it does. An address of this machine alone, unless the config
    /// allows others.
    pub listen: Option<SocketAddr>,
}

/// All metrics of this process as text, in the format 0.0.4 of Prometheus.
///
/// A metric with labels is there once it was counted for the first time.
#[must_use]
pub fn text() -> String {
    let mut text = String::new();
    // Writing into a string does not fail, and a family without a name cannot be registered.
    let _ = TextEncoder::new().encode_utf8(&FAMILIES.registry.gather(), &mut text);
    text
}

/// An observer that counts in this process's registry, for a [`Store`](crate::Store) that a program makes itself.
#[must_use]
pub fn observer() -> Arc<dyn Observer> {
    Arc::new(observer::Counting::new(&FAMILIES))
}

static FAMILIES: LazyLock<Families> = LazyLock::new(|| {
    persist_plugin_api::host::on_retry(count_retry);
    Families::new()
});

/// Counts a plugin that was loaded, or that could not be: `outcome` is `ok` or the error's code.
pub(crate) fn count_load(outcome: &str) {
    FAMILIES.plugin_loads.with_label_values(&[outcome]).inc();
}

/// Counts a plugin that was found and not accepted.
pub(crate) fn count_refusal(reason: &RejectReason) {
    FAMILIES.plugins_refused.with_label_values(&[reason.code()]).inc();
}

fn count_retry(plugin: &str) {
    FAMILIES.retries.with_label_values(&[plugin]).inc();
}

#[cfg(test)]
mod tests;
