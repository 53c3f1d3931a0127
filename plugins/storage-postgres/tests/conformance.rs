//! The checks that every storage adapter must pass, against a real server.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

use std::pin::Pin;

use persist_plugin_api::{DynStorage, Result, StorageAdapter as _};
use persist_plugin_testkit::{handle_checks, storage_checks};
use persist_storage_postgres::{PostgresConfig, PostgresStorage};
use persist_test_support::Postgres;
use serde_json::{Value, json};

/// An adapter that is being opened.
type Opening<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn DynStorage>>> + 'a>>;

async fn check(mut options: Value) {
    let server = Postgres::shared();
    let place = server.place("conformance");
    options["url"] = json!(server.url("persist", "persist"));
    options["schema"] = place.options["schema"].clone();
    let open = || -> Opening<'_> {
        let config: PostgresConfig = serde_json::from_value(options.clone()).expect("valid options");
        Box::pin(async { Ok(Box::new(PostgresStorage::open(config).await?) as Box<dyn DynStorage>) })
    };
    let store = open().await.expect("the adapter opens");
    let capabilities = store.capabilities().await.expect("the server answers");
    assert!(capabilities.atomic_create && capabilities.durable && capabilities.consistent_list);
    assert!(capabilities.ordered_recursive_list && !capabilities.keeps_versions);

    let mut failed = Vec::new();
    for check in storage_checks() {
        if let Err(failure) = (check.run)(&*store).await {
            failed.push(format!("{}: {failure}", check.name));
        }
    }
    for check in handle_checks() {
        if let Err(failure) = (check.run)(&open).await {
            failed.push(format!("{}: {failure}", check.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storage_checks_pass() {
    check(json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storage_checks_pass_with_prepared_statements_on_a_few_connections() {
    check(json!({"prepared_statements": true, "pool_size": 2})).await;
}
