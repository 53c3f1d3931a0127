//! The checks that every storage adapter must pass, against a real server and a real cluster.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

use persist_plugin_api::StorageAdapter as _;
use persist_plugin_testkit::test_storage;
use persist_storage_redis::{RedisConfig, RedisStorage};
use persist_test_support::{Redis, RedisCluster};
use serde_json::{Value, json};

/// Runs all checks with the adapter opened by these options.
fn check(options: &Value) {
    test_storage(async || {
        let config: RedisConfig = serde_json::from_value(options.clone()).expect("valid options");
        RedisStorage::open(config).await
    });
}

#[test]
fn a_server_passes() {
    check(&Redis::shared().place("conformance").options);
}

#[test]
fn sessions_that_expire_pass_as_long_as_they_do_not() {
    let server = Redis::shared();
    let mut options = server.place("conformance-ttl").options;
    options["ttl_seconds"] = json!(3600);
    check(&options);
}

#[test]
fn a_cluster_passes() {
    let cluster = RedisCluster::start();
    check(&json!({"url": cluster.nodes()[0].url(), "cluster": true, "prefix": "conformance"}));
}

#[test]
fn a_cluster_that_is_entered_elsewhere_passes() {
    let cluster = RedisCluster::start();
    let node = format!("127.0.0.1:{}", cluster.nodes()[2].port());
    // Nothing listens on the first.
    check(&json!({"url": "redis://127.0.0.1:1", "nodes": [node], "prefix": "conformance"}));
}
