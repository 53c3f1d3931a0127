//! Real servers and the built command, for the tests of this crate.

pub use persist_test_support::{SeaweedFs, persist_bin, plugin_dir};
