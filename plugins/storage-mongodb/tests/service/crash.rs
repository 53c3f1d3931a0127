//! Servers that end, stop and come back.

use std::process::Command;
use std::time::Duration;

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_test_support::{SecantusDb, with_causes};
use serde_json::json;

use crate::open;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_outlives_a_killed_server() {
    let mut server = SecantusDb::start();
    let store = open(&server, json!({"server_selection_timeout_ms": 20000})).await;
    for index in 0..20 {
        let key = format!("agents/a/s/d/{index:010}");
        store.save_if_absent(&key, Bytes::from(vec![index; 10_000])).await.unwrap();
    }
    store.save_if_absent("agents/a/s/d/large", Bytes::from(vec![7; 3 << 20])).await.unwrap();
    server.restart();
    let listed = store.list(ListRequest::below("agents/a/s/d/")).await.unwrap();
    assert_eq!(listed.objects.len(), 21);
    for index in 0..20 {
        let key = format!("agents/a/s/d/{index:010}");
        assert_eq!(store.load(&key).await.unwrap(), vec![index; 10_000]);
    }
    assert!(store.load("agents/a/s/d/large").await.unwrap() == vec![7; 3 << 20]);
    let error = store.save_if_absent("agents/a/s/d/0000000019", Bytes::new()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_named_and_comes_back() {
    let mut server = SecantusDb::start();
    let options = json!({"database": "down", "server_selection_timeout_ms": 300});
    let store = open(&server, options).await;
    store.save("k", Bytes::from_static(b"value")).await.unwrap();
    server.kill();
    let value = || Bytes::from_static(b"v");
    // The connections that were open may tell less than ones that never came about.
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
        assert!(error.message().contains(&format!("127.0.0.1:{}", server.port())), "{error}");
    }
    server.restart();
    // The driver looks for servers that it lost every half second at most.
    let back = open(&server, json!({"database": "down", "server_selection_timeout_ms": 20000})).await;
    assert_eq!(back.load("k").await.unwrap(), "value");
    while store.load("k").await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_back_is_found_while_it_is_waited_for() {
    let mut server = SecantusDb::start();
    let options = json!({"server_selection_timeout_ms": 1500, "retry": {"max_attempts": 1}});
    let store = open(&server, options).await;
    store.save("k", Bytes::from_static(b"value")).await.unwrap();
    server.kill();
    while store.load("k").await.is_ok() {}
    store.load("k").await.unwrap_err();
    server.restart();
    assert_eq!(store.load("k").await.unwrap(), "value");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_without_an_answer_is_left_open() {
    let server = SecantusDb::start();
    let process = server.process_id().expect("an own server").to_string();
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &process]).status().expect("kill runs").success());
    };
    let store = open(
        &server,
        json!({"database": "open", "request_timeout_ms": 1500, "write_timeout_ms": 1000, "server_selection_timeout_ms": 1000}),
    )
    .await;
    store.capabilities().await.unwrap();
    store.save_if_absent("first", Bytes::new()).await.unwrap();
    signal("-STOP");
    let outcome = store.save_if_absent("second", Bytes::from_static(b"value")).await;
    signal("-CONT");
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", with_causes(&error));
    assert!(error.is_retryable() && !error.is_not_applied());
    // Whole or absent, and the key can be used.
    let patient = open(&server, json!({"database": "open"})).await;
    match patient.save_if_absent("second", Bytes::from_static(b"value")).await {
        Ok(()) => {}
        Err(error) => assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(&error)),
    }
    assert_eq!(patient.load("second").await.unwrap(), "value");
}
