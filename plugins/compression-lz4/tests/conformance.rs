//! The lz4 adapter against the checks that every adapter passes.

use persist_compression_lz4::Lz4;

#[test]
fn every_check_passes() {
    persist_plugin_testkit::run_compression(&Lz4);
}
