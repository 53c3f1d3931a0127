//! Servers that end, stop and come back.

use std::process::Command;

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_test_support::{Redis, with_causes};
use serde_json::json;

use crate::open;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_outlives_a_killed_server() {
    let mut server = Redis::start();
    let store = open(&server, json!({})).await;
    for index in 0..50 {
        let key = format!("agents/a/s/d/{index:010}");
        store.save_if_absent(&key, Bytes::from(vec![index; 10_000])).await.unwrap();
    }
    server.restart();
    // The same adapter, whose connections are dead, and in which the first failure is no answer.
    let listed = store.list(ListRequest::below("agents/a/s/d/")).await.unwrap();
    assert_eq!(listed.objects.len(), 50);
    for index in 0..50 {
        let key = format!("agents/a/s/d/{index:010}");
        assert_eq!(store.load(&key).await.unwrap(), vec![index; 10_000]);
    }
    let error = store.save_if_absent("agents/a/s/d/0000000049", Bytes::new()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS);
    store.save_if_absent("agents/a/s/d/0000000050", Bytes::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_named_and_comes_back() {
    let mut server = Redis::start();
    let store = open(&server, json!({})).await;
    store.save("k", Bytes::from_static(b"value")).await.unwrap();
    server.kill();
    let value = || Bytes::from_static(b"v");
    // The connection that was open may tell less than one that never came about.
    let _ = store.load("k").await;
    for error in [
        store.load("k").await.unwrap_err(),
        store.exists("k").await.unwrap_err(),
        store.save("k", value()).await.unwrap_err(),
        store.save_if_absent("other", value()).await.unwrap_err(),
        store.list(ListRequest::below("")).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
        assert!(error.is_retryable() && error.is_not_applied(), "{}", with_causes(&error));
        let address = format!("127.0.0.1:{}", server.port());
        assert!(
            error.message().contains(&address) && error.message().contains("is the server running"),
            "{error}"
        );
    }
    server.restart();
    assert_eq!(store.load("k").await.unwrap(), "value");
    store.save_if_absent("other", value()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_without_an_answer_is_left_open_and_made_once() {
    let server = Redis::start();
    let process = server.process_id().expect("an own server").to_string();
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &process]).status().expect("kill runs").success());
    };
    let store = open(&server, json!({"request_timeout_ms": 300, "connections": 1})).await;
    store.save("agents/a/s/d/0", Bytes::new()).await.unwrap();
    signal("-STOP");
    let outcome = store.save_if_absent("agents/a/s/d/1", Bytes::from_static(b"value")).await;
    signal("-CONT");
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", with_causes(&error));
    assert!(error.is_retryable() && !error.is_not_applied());
    // The server reads what was sent before it notices that nobody waits for the answer.
    let patient = open(&server, json!({"prefix": prefix_of(&error.to_string())})).await;
    while !patient.exists("agents/a/s/d/1").await.unwrap() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(patient.load("agents/a/s/d/1").await.unwrap(), "value");
    let page = patient.list(ListRequest::below("agents/")).await.unwrap();
    assert_eq!(page.objects.len(), 2);
}

/// The prefix, as an error's text names it.
fn prefix_of(message: &str) -> &str {
    message.split('"').nth(3).expect("the message quotes the key and the prefix")
}
