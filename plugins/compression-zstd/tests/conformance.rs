//! The zstd adapter against the checks that every adapter passes.

use persist_compression_zstd::{Zstd, ZstdConfig};
use persist_plugin_api::CompressionAdapter as _;

#[test]
fn every_check_passes_at_the_default_level() {
    persist_plugin_testkit::run_compression(&Zstd::open(ZstdConfig::new()).unwrap());
}

#[test]
fn every_check_passes_at_the_fastest_level() {
    persist_plugin_testkit::run_compression(&Zstd::open(ZstdConfig::new().level(-7)).unwrap());
}

#[test]
fn every_check_passes_with_a_long_window() {
    persist_plugin_testkit::run_compression(&Zstd::open(ZstdConfig::new().window_log(27)).unwrap());
}
