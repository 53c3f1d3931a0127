//! Primaries and replicas.

use persist_plugin_api::{Bytes, ErrorCode, StorageAdapter as _};
use persist_test_support::{Redis, with_causes};
use serde_json::json;

use crate::open;

fn replica_of(primary: &Redis) -> Redis {
    let replica = Redis::start_with(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]);
    while !replica.ask(&["INFO", "replication"]).contains("master_link_status:up") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    replica
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_read_and_not_written() {
    let primary = Redis::start();
    let replica = replica_of(&primary);
    open(&primary, json!({"prefix": "p"})).await.save("k", Bytes::from_static(b"value")).await.unwrap();
    assert_eq!(primary.ask(&["WAIT", "1", "10000"]), "1");
    let store = open(&replica, json!({"prefix": "p"})).await;
    while !store.exists("k").await.unwrap() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(store.load("k").await.unwrap(), "value");
    for error in
        [store.save_if_absent("other", Bytes::new()).await.unwrap_err(), store.delete("k").await.unwrap_err()]
    {
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
        assert!(
            error.is_not_applied() && error.is_retryable() && error.message().contains("replica"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_waits_for_replicas() {
    let primary = Redis::start();
    let mut replica = replica_of(&primary);
    let options = json!({"prefix": "p", "wait_replicas": 1, "wait_timeout_ms": 200});
    let patient = json!({"prefix": "p", "wait_replicas": 1, "wait_timeout_ms": 15000});
    let store = open(&primary, patient).await;
    store.save_if_absent("agents/a/s/d/0", Bytes::from_static(b"value")).await.unwrap();
    store.save("agents/a/s/d/1", Bytes::from_static(b"value")).await.unwrap();
    assert_eq!(replica.ask(&["GET", "{p/agents/a/s}:object:d/0"]), "value");
    let error = store.save_if_absent("agents/a/s/d/0", Bytes::new()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS);

    replica.kill();
    let hasty = open(&primary, options).await;
    for error in [
        hasty.save_if_absent("agents/a/s/d/2", Bytes::from_static(b"v")).await.unwrap_err(),
        // What is there is no more durable than what was just written.
        hasty.save_if_absent("agents/a/s/d/2", Bytes::from_static(b"v")).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::NOT_DURABLE, "{}", with_causes(&error));
        assert!(!error.is_not_applied() && error.message().contains("0 of 1 replicas"), "{error}");
    }
    // Readers do not wait for anybody.
    assert_eq!(hasty.load("agents/a/s/d/2").await.unwrap(), "v");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_a_former_primary_is_given_up() {
    let primary = Redis::start();
    let server = Redis::start();
    let store = open(&server, json!({})).await;
    store.save("k", Bytes::from_static(b"v")).await.unwrap();
    let connections = || server.ask(&["CLIENT", "LIST", "TYPE", "normal"]).lines().count();
    // That of the adapter, and that of the question.
    assert_eq!(connections(), 2);
    assert_eq!(server.ask(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]), "OK");
    let error = store.save("k", Bytes::from_static(b"v")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
    let mut asked = 0;
    while connections() > 1 {
        asked += 1;
        assert!(asked < 200, "the connection stays open");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
