//! The metrics: their names, labels and buckets. `docs/metrics.md` has the same table, which a test compares.

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, exponential_buckets,
};

/// From 100 µs to a minute and a half, each 2.7 times the one before.
const SECONDS: (f64, f64, usize) = (0.0001, 2.7, 15);

/// From 1 KiB to 1 GiB, each 4 times the one before.
const BYTES: (f64, f64, usize) = (1024.0, 4.0, 11);

/// What part of a state its snapshot takes; more than 1 where compression makes it longer.
const RATIOS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5];

/// All metrics and the registry that they are in.
pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) operations: IntCounterVec,
    pub(super) operations_in_flight: IntGaugeVec,
    pub(super) operation_seconds: HistogramVec,
    pub(super) content_bytes: HistogramVec,
    pub(super) stored_bytes: HistogramVec,
    pub(super) stored_ratio: HistogramVec,
    pub(super) cache_lookups: IntCounterVec,
    pub(super) retries: IntCounterVec,
    pub(super) storage_calls: IntCounterVec,
    pub(super) storage_seconds: HistogramVec,
    pub(super) storage_bytes: IntCounterVec,
    pub(super) plugin_loads: IntCounterVec,
    pub(super) plugins_refused: IntCounterVec,
}

impl Families {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        let made = Self {
            operations: counters(
                "persist_operations_total",
                "Operations of stores that ended, by outcome: ok, cancelled, or the kind of the error.",
                &["operation", "store", "adapter", "outcome"],
            ),
            operations_in_flight: gauges(
                "persist_operations_in_flight",
                "Operations of stores that have begun and not ended.",
                &["operation", "store", "adapter"],
            ),
            operation_seconds: histograms(
                "persist_operation_duration_seconds",
                "How long operations of stores took, whatever their outcome.",
                &["operation", "store", "adapter"],
                buckets(SECONDS),
            ),
            content_bytes: histograms(
                "persist_content_bytes",
                "Lengths of the states and attachments that were written or read.",
                &["operation", "store"],
                buckets(BYTES),
            ),
            stored_bytes: histograms(
                "persist_stored_bytes",
                "Lengths of the stored objects of the states and attachments that were written or read.",
                &["operation", "store"],
                buckets(BYTES),
            ),
            stored_ratio: histograms(
                "persist_save_stored_ratio",
                "Length of the stored object of a saved state, divided by the length of the state.",
                &["store"],
                RATIOS.to_vec(),
            ),
            cache_lookups: counters(
                "persist_cache_lookups_total",
                "Saves that looked for the session's newest state in memory, by result: hit or miss.",
                &["store", "result"],
            ),
            retries: counters(
                "persist_retries_total",
                "Requests to a backend that a plugin made again after a failure.",
                &["plugin"],
            ),
            storage_calls: counters(
                "persist_storage_calls_total",
                "Calls of storage adapters that ended, by outcome: ok, cancelled, or the adapter's error code.",
                &["adapter", "method", "outcome"],
            ),
            storage_seconds: histograms(
                "persist_storage_call_duration_seconds",
                "How long calls of storage adapters took, retries included.",
                &["adapter", "method"],
                buckets(SECONDS),
            ),
            storage_bytes: counters(
                "persist_storage_bytes_total",
                "Bytes of objects that calls of storage adapters sent or received.",
                &["adapter", "method"],
            ),
            plugin_loads: counters(
                "persist_plugin_loads_total",
                "Plugins that were loaded, by outcome: ok, or the code of the error.",
                &["outcome"],
            ),
            plugins_refused: counters(
                "persist_plugins_refused_total",
                "Files and directories that were not accepted when plugins were looked for, by reason.",
                &["reason"],
            ),
            registry,
        };
        let build = gauges("persist_build_info", "1, for the release that runs.", &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        made.add(build);
        for family in [&made.operations, &made.cache_lookups, &made.retries, &made.storage_calls] {
            made.add(family.clone());
        }
        for family in [&made.storage_bytes, &made.plugin_loads, &made.plugins_refused] {
            made.add(family.clone());
        }
        for family in [&made.operation_seconds, &made.content_bytes, &made.stored_bytes] {
            made.add(family.clone());
        }
        made.add(made.stored_ratio.clone());
        made.add(made.storage_seconds.clone());
        made.add(made.operations_in_flight.clone());
        made
    }

    #[expect(clippy::expect_used, reason = "all names are constants that differ, and tests register them")]
    fn add(&self, family: impl Collector + 'static) {
        self.registry.register(Box::new(family)).expect("a name of its own");
    }
}

#[expect(clippy::expect_used, reason = "all names are constants, and tests make them")]
fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), labels).expect("a metric's name")
}

#[expect(clippy::expect_used, reason = "all names are constants, and tests make them")]
fn gauges(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    IntGaugeVec::new(Opts::new(name, help), labels).expect("a metric's name")
}

#[expect(clippy::expect_used, reason = "all names and buckets are constants, and tests make them")]
fn histograms(name: &str, help: &str, labels: &[&str], buckets: Vec<f64>) -> HistogramVec {
    HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), labels).expect("a metric's name")
}

#[expect(clippy::expect_used, reason = "all bounds are constants, and tests make them")]
fn buckets((start, factor, count): (f64, f64, usize)) -> Vec<f64> {
    exponential_buckets(start, factor, count).expect("bounds that grow")
}
