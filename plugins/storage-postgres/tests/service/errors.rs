//! What errors say, and what they never say.

use std::net::TcpListener;

use persist_plugin_api::{Bytes, Error, ErrorCode, ListRequest, StorageAdapter as _};
use persist_storage_postgres::PostgresStorage;
use persist_test_support::{Postgres, with_causes};
use serde_json::json;

use crate::{new_schema, open, with};

/// A password that may appear nowhere.
const PLANTED: &str = "planted-0123456789-secret";

/// The error of every kind of call.
async fn errors(store: &PostgresStorage) -> Vec<Error> {
    let value = || Bytes::from_static(b"v");
    vec![
        store.load("k").await.expect_err("a failure"),
        store.load_range("k", 0..0).await.expect_err("a failure"),
        store.exists("k").await.expect_err("a failure"),
        store.save("k", value()).await.expect_err("a failure"),
        store.save_if_absent("k", value()).await.expect_err("a failure"),
        store.delete("k").await.expect_err("a failure"),
        store.list(ListRequest::below("")).await.expect_err("a failure"),
        store.capabilities().await.expect_err("a failure"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_denied_and_not_repeated() {
    let server = Postgres::shared();
    let url = format!("postgresql://persist:{PLANTED}@{}/persist", server.address());
    for error in errors(&open(json!({"url": url})).await).await {
        assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
        assert!(error.is_not_applied() && !error.is_retryable());
        assert!(error.message().contains("28P01") && error.message().contains("1 attempt"), "{error}");
        assert!(error.message().contains(&server.address().to_string()), "{error}");
        assert!(!format!("{} {error:?}", with_causes(&error)).contains(PLANTED));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_password_is_asked_for() {
    let server = Postgres::shared();
    // Nobody's: neither the environment nor a password file knows it.
    let role = server.create_role("role", "");
    let empty = tempfile::tempdir().unwrap();
    let file = empty.path().join("password");
    std::fs::write(&file, format!("{}\n", server.password())).unwrap();
    let options = json!({
        "host": "127.0.0.1", "port": server.address().port(), "user": role, "database": "persist",
        "password_file": file,
    });
    assert!(open(options.clone()).await.capabilities().await.is_ok());
    if std::env::var_os("PGPASSWORD").is_some() {
        return;
    }
    let mut options = options;
    options.as_object_mut().unwrap().remove("password_file");
    let error = open(options).await.capabilities().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
    assert!(error.message().contains("PGPASSWORD"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_not_a_missing_object() {
    let server = Postgres::shared();
    for error in errors(&open(json!({"url": server.url("persist", "never_made")})).await).await {
        assert_eq!(error.code(), ErrorCode::CONTAINER_MISSING, "{}", with_causes(&error));
        assert!(error.is_not_applied() && !error.is_retryable());
        assert!(
            error.message().contains("never_made") && error.message().contains("CREATE DATABASE"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_tried_max_attempts_times() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for error in errors(&open(json!({"url": format!("postgresql://u:{PLANTED}@{free}/d")})).await).await {
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
        assert!(error.is_retryable());
        assert!(error.is_not_applied(), "nothing can have reached a server that refused every connection");
        assert!(
            error.message().contains("3 attempts") && error.message().contains(&free.to_string()),
            "{error}"
        );
        assert!(!format!("{} {error:?}", with_causes(&error)).contains(PLANTED));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_a_reason_to_wait() {
    let server = Postgres::shared();
    let role = server.create_role("role", "CONNECTION LIMIT 0");
    for error in errors(&open(json!({"url": server.url(&role, "persist")})).await).await {
        assert_eq!(error.code(), ErrorCode::THROTTLED, "{}", with_causes(&error));
        assert!(error.is_retryable() && error.is_not_applied());
        assert!(error.message().contains("3 attempts"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_used_up_says_so() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    let options =
        with(options, &json!({"pool_size": 1, "pool_timeout_ms": 20, "attempt_timeout_ms": 60_000}));
    let store = std::sync::Arc::new(open(options).await);
    store.save("k", Bytes::new()).await.unwrap();
    crate::faults::make_slow(&server, &schema);
    let slow = {
        let store = std::sync::Arc::clone(&store);
        tokio::spawn(async move { store.save("slow", Bytes::new()).await })
    };
    crate::faults::wait_for_sleep(&server, &schema).await;
    let error = store.save_if_absent("new", Bytes::new()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", with_causes(&error));
    assert!(error.is_not_applied() && error.message().contains("pool_size"), "{error}");
    slow.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn time_limits_of_the_server_and_of_the_adapter_are_kept() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    open(options.clone()).await.save("k", Bytes::new()).await.unwrap();
    crate::faults::make_slow(&server, &schema);
    let once = json!({"max_attempts": 1});
    let limited = with(options.clone(), &json!({"attempt_timeout_ms": 300, "retry": once}));
    let role = server.create_role("role", "IN ROLE persist");
    server.sql("postgres", &format!("ALTER ROLE {role} SET statement_timeout = '300ms'"));
    let hurried = with(options.clone(), &json!({"url": server.url(&role, "persist"), "retry": once}));
    for options in [limited, hurried] {
        let store = open(options).await;
        let error = store.save_if_absent("slow", Bytes::new()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", with_causes(&error));
        assert!(error.is_retryable() && !error.is_not_applied(), "{error}");
        store.save("k", Bytes::new()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_not_sent() {
    // Nothing listens there.
    let store = open(json!({"url": "postgresql://u@127.0.0.1:1/d"})).await;
    // Zeroes that nobody touches take no memory.
    let error = store.save("k", Bytes::from(vec![0; 1 << 30])).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LIMIT_EXCEEDED, "{}", with_causes(&error));
    assert!(error.is_not_applied());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_or_server_that_only_reads_is_named() {
    let server = Postgres::shared();
    let (_, options) = new_schema(&server);
    open(options.clone()).await.save("k", Bytes::new()).await.unwrap();
    let role = server.create_role("role", "IN ROLE persist");
    server.sql("postgres", &format!("ALTER ROLE {role} SET default_transaction_read_only = on"));
    let store = open(with(options, &json!({"url": server.url(&role, "persist")}))).await;
    assert!(store.exists("k").await.unwrap());
    let error = store.save_if_absent("new", Bytes::new()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
    assert!(error.is_not_applied() && error.message().contains("25006"), "{error}");
}
