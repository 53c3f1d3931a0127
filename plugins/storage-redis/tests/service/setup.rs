//! Servers that are set up in ways that lose data, or that are something else than the options say.

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_test_support::{Redis, RedisCluster, with_causes};
use serde_json::{Value, json};

use crate::open;

async fn is_durable(server: &Redis, options: Value) -> bool {
    open(server, options).await.capabilities().await.expect("it answers").durable
}

#[tokio::test(flavor = "multi_thread")]
async fn durability_is_what_the_server_says() {
    let server = Redis::start();
    assert!(is_durable(&server, json!({})).await);
    assert_eq!(server.ask(&["CONFIG", "SET", "no-appendfsync-on-rewrite", "yes"]), "OK");
    assert!(!is_durable(&server, json!({})).await);
    assert_eq!(server.ask(&["CONFIG", "SET", "no-appendfsync-on-rewrite", "no"]), "OK");
    assert_eq!(server.ask(&["CONFIG", "SET", "appendfsync", "everysec"]), "OK");
    assert!(!is_durable(&server, json!({})).await);
    assert!(is_durable(&server, json!({"durability": "everysec"})).await);
    assert_eq!(server.ask(&["CONFIG", "SET", "appendfsync", "no"]), "OK");
    assert!(!is_durable(&server, json!({"durability": "everysec"})).await);
    assert!(is_durable(&server, json!({"durability": "unchecked"})).await);
    assert_eq!(server.ask(&["CONFIG", "SET", "appendonly", "no", "save", "1 1"]), "OK");
    assert!(!is_durable(&server, json!({"durability": "everysec"})).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forbids_to_ask_is_not_called_durable() {
    let server = Redis::start();
    assert_eq!(server.ask(&["ACL", "SETUSER", "default", "-config"]), "OK");
    assert!(!is_durable(&server, json!({})).await);
    assert!(is_durable(&server, json!({"durability": "unchecked"})).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_evicts_is_refused_before_the_first_write() {
    let server = Redis::start_with(&["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]);
    let store = open(&server, json!({})).await;
    let value = || Bytes::from_static(b"v");
    for error in [
        store.capabilities().await.unwrap_err(),
        store.save("k", value()).await.unwrap_err(),
        store.save_if_absent("agents/a/s/d/0", value()).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::CONFIG, "{}", with_causes(&error));
        assert!(error.is_not_applied() && !error.is_retryable());
        for part in ["allkeys-lru", "noeviction", "CONFIG SET maxmemory-policy", "allow_eviction"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    // Nothing has been decided for good.
    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]), "OK");
    store.save("k", value()).await.unwrap();
    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]), "OK");
    open(&server, json!({"allow_eviction": true})).await.save("k", value()).await.unwrap();
    // Keys that never expire are safe from this one.
    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]), "OK");
    open(&server, json!({})).await.save("k", value()).await.unwrap();
    open(&server, json!({"ttl_seconds": 60})).await.save("k", value()).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_applies_nothing() {
    let server = Redis::start_with(&["--maxmemory", "30mb", "--maxmemory-policy", "noeviction"]);
    let store = open(&server, json!({})).await;
    let large = Bytes::from(vec![7; 5 << 20]);
    let mut saved = Vec::new();
    let error = loop {
        let key = format!("agents/a/s/d/{}", saved.len());
        match store.save_if_absent(&key, large.clone()).await {
            Ok(()) => saved.push(key),
            Err(error) => break error,
        }
        assert!(saved.len() < 8, "30 MB do not hold more");
    };
    assert_eq!(error.code(), ErrorCode::NO_SPACE, "{}", with_causes(&error));
    assert!(
        error.is_not_applied() && !error.is_retryable() && error.message().contains("maxmemory"),
        "{error}"
    );
    assert!(!store.exists(&format!("agents/a/s/d/{}", saved.len())).await.unwrap());
    for key in &saved {
        assert_eq!(store.load(key).await.unwrap(), large);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_is_read_and_room_can_be_made() {
    let server = Redis::start();
    let store = open(&server, json!({})).await;
    let large = Bytes::from(vec![7; 4 << 20]);
    let keys = [0, 1, 2].map(|number| format!("agents/a/s/d/{number}"));
    for key in &keys {
        store.save_if_absent(key, large.clone()).await.unwrap();
    }
    store.save_if_absent("agents/a/s/d/3", Bytes::new()).await.unwrap();
    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory", "8mb"]), "OK");
    let error = store.save_if_absent("agents/a/s/d/4", Bytes::new()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NO_SPACE, "{}", with_causes(&error));
    for key in &keys {
        assert_eq!(store.load(key).await.unwrap(), large);
        assert_eq!(store.load_range(key, 5..9).await.unwrap(), large.slice(5..9));
        assert_eq!(store.load_range(key, 4 << 20..5 << 20).await.unwrap(), "");
        assert_eq!(store.stat(key).await.unwrap().size, 4 << 20);
    }
    assert_eq!(store.stat("agents/a/s/d/3").await.unwrap().size, 0);
    assert_eq!(store.load_range("agents/a/s/d/3", 0..9).await.unwrap(), "");
    assert_eq!(store.load_range("agents/a/s/d/4", 0..9).await.unwrap_err().code(), ErrorCode::NOT_FOUND);
    assert!(!store.exists("agents/a/s/d/4").await.unwrap());
    assert_eq!(store.list(ListRequest::below("")).await.unwrap().objects.len(), 4);
    for key in &keys {
        store.delete(key).await.unwrap();
    }
    assert_eq!(store.list(ListRequest::below("")).await.unwrap().objects.len(), 1);
    store.save_if_absent("agents/a/s/d/4", Bytes::from_static(b"v")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_a_cluster_is_recognised() {
    let cluster = RedisCluster::start();
    let mut seen = 0;
    let store = open(&cluster.nodes()[0], json!({})).await;
    for session in 0..20 {
        let key = format!("agents/a/{session}/d/0");
        if let Err(error) = store.save_if_absent(&key, Bytes::new()).await {
            assert_eq!(error.code(), ErrorCode::CONFIG, "{}", with_causes(&error));
            assert!(error.is_not_applied() && error.message().contains("cluster = true"), "{error}");
            seen += 1;
        }
    }
    assert!(seen > 0, "one node of three cannot serve every session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_named() {
    let server = Redis::start();
    let store = crate::open_at(&format!("{}/99", server.url()), json!({})).await;
    let error = store.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CONFIG, "{}", with_causes(&error));
    assert!(error.message().contains("database 99"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_recognised() {
    let server = Redis::start();
    let url = format!("rediss://127.0.0.1:{}", server.port());
    for options in [json!({"connect_timeout_ms": 500}), json!({"connect_timeout_ms": 500, "cluster": true})] {
        let error = crate::open_at(&url, options).await.load("k").await.unwrap_err();
        assert!(error.is_retryable() && error.is_not_applied(), "{error}");
        assert!(error.message().contains("does the server speak TLS here?"), "{}", with_causes(&error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_an_address_is_named() {
    for options in [json!({}), json!({"cluster": true})] {
        let error = crate::open_at("rediss://redis.invalid", options).await.load("k").await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
        let message = error.message();
        assert!(
            message.contains("redis.invalid") && message.contains("name cannot be found"),
            "{}",
            with_causes(&error)
        );
        assert!(!message.contains("TLS"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_cluster_is_recognised() {
    let server = Redis::start();
    let node = format!("127.0.0.1:{}", server.port());
    for options in [json!({"cluster": true}), json!({"nodes": [node]})] {
        let error = open(&server, options).await.load("k").await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::CONFIG, "{}", with_causes(&error));
        assert!(!error.is_retryable() && error.is_not_applied(), "{error}");
        assert!(error.message().contains("leave cluster and nodes out"), "{}", with_causes(&error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_something_else_are_named() {
    let server = Redis::start();
    let store = open(&server, json!({"prefix": "p"})).await;
    assert_eq!(server.ask(&["RPUSH", "{p/agents/a/s}:object:d/0", "x"]), "1");
    assert_eq!(server.ask(&["SET", "{p/agents/a/s}:index", "x"]), "OK");
    let read = store.load("agents/a/s/d/0").await.unwrap_err();
    let asked = store.stat("agents/a/s/d/0").await.unwrap_err();
    for error in [&read, &asked] {
        assert!(error.message().contains("\"{p/agents/a/s}:object:d/0\""), "{}", with_causes(error));
    }
    let written = store.save("agents/a/s/d/1", Bytes::new()).await.unwrap_err();
    let listed = store.list(ListRequest::below("agents/a/s/")).await.unwrap_err();
    for error in [read, asked, written, listed] {
        assert_eq!(error.code(), ErrorCode::OTHER, "{}", with_causes(&error));
        assert!(!error.is_retryable() && !error.is_not_applied(), "{error}");
        assert!(error.message().contains("something else uses the prefix \"p\""), "{}", with_causes(&error));
    }
}
