//! Users and passwords.

use mongodb::Client;
use mongodb::bson::doc;
use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_test_support::{SecantusDb, with_causes};
use serde_json::json;

use crate::open;

/// It may appear nowhere.
const SECRET: &str = "a-secret-that-nobody-may-see";

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_denied_and_not_repeated() {
    let mut server = SecantusDb::start();
    let client = Client::with_uri_str(server.uri()).await.unwrap();
    let user = doc! {
        "createUser": "persist", "pwd": "right", "roles": [{"role": "readWrite", "db": "agents"}],
    };
    client.database("admin").run_command(user).await.unwrap();
    server.restart_with_authentication();
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    let options = json!({"username": "persist", "password_file": password, "database": "agents"});

    std::fs::write(&password, format!("{SECRET}\n")).unwrap();
    let store = open(&server, options.clone()).await;
    let value = || Bytes::from_static(b"v");
    for error in [
        store.load("k").await.unwrap_err(),
        store.save_if_absent("k", value()).await.unwrap_err(),
        store.delete("k").await.unwrap_err(),
        store.list(ListRequest::below("")).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
        assert!(error.is_not_applied() && !error.is_retryable());
        assert!(!format!("{} {error:?}", with_causes(&error)).contains(SECRET));
    }

    std::fs::write(&password, "right\n").unwrap();
    let store = open(&server, options).await;
    store.save_if_absent("k", value()).await.unwrap();
    assert_eq!(store.load("k").await.unwrap(), "v");

    let stranger = open(&server, json!({"database": "agents"})).await;
    let error = stranger.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_recognised() {
    let server = SecantusDb::start();
    let options = |query: &str| {
        let uri = format!("mongodb://127.0.0.1:{}/?directConnection=true{query}", server.port());
        json!({"uri": uri, "server_selection_timeout_ms": 1000, "connect_timeout_ms": 500, "retry": {"max_attempts": 1}})
    };
    open(&server, options("")).await.save("k", Bytes::new()).await.unwrap();
    let error = open(&server, options("&tls=true")).await.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
    assert!(error.message().contains("does it speak TLS"), "{}", with_causes(&error));
}
