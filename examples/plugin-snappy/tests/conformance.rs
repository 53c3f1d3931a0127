//! The checks that every codec of Persist must pass.

use persist_compression_snappy::{Snappy, SnappyConfig};
use persist_plugin_api::CompressionAdapter as _;

#[test]
fn every_check_passes() {
    persist_plugin_testkit::run_compression(&Snappy::open(SnappyConfig::default()).unwrap());
}

#[test]
fn an_option_is_refused_by_name() {
    let error = serde_json::from_str::<SnappyConfig>(r#"{"level": 3}"#).unwrap_err().to_string();
    assert!(error.contains("level"), "{error}");
}
