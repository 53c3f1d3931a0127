//! The checks that every storage adapter of Persist must pass, and the adapter's own promises.

use persist_plugin_api::StorageAdapter as _;
use {{crate}}::{{{Config}}, {{Type}}};

#[test]
fn every_check_passes() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("root");
    persist_plugin_testkit::test_storage(async || {{Type}}::open({{Config}}::new(&root)).await);
}
