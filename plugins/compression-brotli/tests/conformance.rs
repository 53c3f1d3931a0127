//! The brotli adapter against the checks that every adapter passes.

use persist_compression_brotli::{Brotli, BrotliConfig};
use persist_plugin_api::CompressionAdapter as _;

#[test]
fn every_check_passes_at_the_default_quality() {
    persist_plugin_testkit::run_compression(&Brotli::open(BrotliConfig::new()).unwrap());
}

#[test]
fn every_check_passes_at_the_fastest_quality() {
    persist_plugin_testkit::run_compression(&Brotli::open(BrotliConfig::new().quality(0)).unwrap());
}
