//! The adapter against the checks that every adapter passes.

use persist_compression_none::Identity;

#[test]
fn every_check_passes() {
    persist_plugin_testkit::run_compression(&Identity);
}
