//! Connections that the driver gives up because the server fell silent.

use futures_util::join;
use persist_plugin_api::{Bytes, ErrorCode, StorageAdapter as _};
use persist_storage_mongodb::MongoStorage;
use persist_test_support::{Fault, Mode, Rule, SecantusDb, with_causes};
use serde_json::json;

use crate::{command, open, proxied, until};

/// Opens the adapter with one connection, and such limits that the driver's look at the server fails before a request does.
async fn attentive(server: &SecantusDb, uri: &str, database: &str, attempts: u32) -> MongoStorage {
    let options = json!({
        "uri": format!("{uri}&heartbeatFrequencyMS=500"), "database": database, "connections": 1,
        "connect_timeout_ms": 300, "server_selection_timeout_ms": if attempts == 1 { 1000 } else { 20_000 },
        "retry": {"max_attempts": attempts, "initial_backoff_ms": 1, "max_backoff_ms": 4},
    });
    let store = open(server, options).await;
    store.capabilities().await.unwrap_or_else(|error| panic!("{}", with_causes(&error)));
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_whose_connection_was_given_up_is_left_open() {
    let server = SecantusDb::shared();
    let (proxy, uri) = proxied(&server);
    let database = SecantusDb::database("cleared");
    let store = attentive(&server, &uri, &database, 1).await;
    let value = || Bytes::from_static(b"value");
    let struck = proxy.arm(Rule::holding(command("insert", "persist"), Fault::StallReply).then(Mode::Stall));
    let (sent, waiting) = join!(store.save_if_absent("sent", value()), async {
        until(|| struck.count() == 1).await;
        store.save_if_absent("waiting", value()).await
    });
    // The driver has one kind of error for both, and only its text differs: what was never sent is left open as well.
    for (outcome, reason) in [
        (sent, "interrupted due to server monitor timeout"),
        (waiting, "cleared because another operation failed"),
    ] {
        let error = outcome.unwrap_err();
        assert!(with_causes(&error).contains(reason), "{}", with_causes(&error));
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE);
        assert!(error.is_retryable() && !error.is_not_applied());
    }
    let direct = open(&server, json!({"database": database})).await;
    until_there(&direct, "sent").await;
    assert_eq!(direct.load("sent").await.unwrap(), "value");
    assert!(!direct.exists("waiting").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_whose_connection_was_given_up_is_not_made_again() {
    let server = SecantusDb::shared();
    let (proxy, uri) = proxied(&server);
    let database = SecantusDb::database("cleared");
    let store = attentive(&server, &uri, &database, 3).await;
    let insert = command("insert", "persist");
    let struck = proxy.arm(Rule::holding(insert.clone(), Fault::Stall).then(Mode::Stall));
    let known = proxy.connections();
    let (outcome, again) = join!(store.save_if_absent("k", Bytes::new()), async {
        // A further look at the server follows on the one by which the connections were given up.
        until(|| struck.count() == 1 && proxy.connections() > known).await;
        proxy.disarm();
        let again = proxy.arm(Rule::holding(insert, Fault::DropReply).always());
        proxy.switch(Mode::Forward);
        again
    });
    let error = outcome.unwrap_err();
    assert!(
        with_causes(&error).contains("interrupted due to server monitor timeout"),
        "{}",
        with_causes(&error)
    );
    assert!(error.is_retryable() && !error.is_not_applied());
    assert_eq!(again.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_connection_was_given_up_is_repeated() {
    let server = SecantusDb::shared();
    let (proxy, uri) = proxied(&server);
    let database = SecantusDb::database("cleared");
    let store = attentive(&server, &uri, &database, 3).await;
    store.save("k", Bytes::from_static(b"value")).await.unwrap();
    let struck = proxy.arm(Rule::holding(command("find", "persist"), Fault::StallReply).then(Mode::Stall));
    let known = proxy.connections();
    let (outcome, ()) = join!(store.load("k"), async {
        until(|| struck.count() == 1 && proxy.connections() > known).await;
        proxy.switch(Mode::Forward);
    });
    assert_eq!(outcome.unwrap_or_else(|error| panic!("{}", with_causes(&error))), "value");
    assert_eq!(struck.count(), 1);
}

/// Waits for what the server has got, but did not say yet.
async fn until_there(store: &MongoStorage, key: &str) {
    while !store.exists(key).await.expect("an answer") {}
}
