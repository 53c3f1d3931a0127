//! The checks that every codec of Persist must pass, at the default and at the option's end.

use {{crate}}::{{{Type}}, {{Config}}};
use persist_plugin_api::CompressionAdapter as _;

#[test]
fn every_check_passes() {
    for config in [{{Config}}::new(), {{Config}}::new().min_run(128)] {
        persist_plugin_testkit::run_compression(&{{Type}}::open(config).unwrap());
    }
}
