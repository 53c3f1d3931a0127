//! The checks that every storage adapter must pass, against an emulator of each service.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

use std::pin::Pin;

use persist_plugin_api::{DynStorage, Result, StorageAdapter as _};
use persist_plugin_testkit::{handle_checks, storage_checks};
use persist_storage_opendal::{AzblobStorage, GcsStorage};
use persist_test_support::{Azurite, FakeGcs};
use serde_json::{Value, json};

/// An adapter that is being opened.
type Opening = Pin<Box<dyn Future<Output = Result<Box<dyn DynStorage>>>>>;

#[tokio::test(flavor = "multi_thread")]
async fn the_storage_checks_pass_on_azure() {
    let server = Azurite::shared();
    let mut options = server.place("conformance").options;
    options["account_key"] = json!(server.key());
    options["prefix"] = json!("some/where");
    check(move || -> Opening {
        let config = config(&options);
        Box::pin(async { Ok(Box::new(AzblobStorage::open(config).await?) as Box<dyn DynStorage>) })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storage_checks_pass_on_google() {
    let server = FakeGcs::shared();
    let options = server.place("conformance").options;
    check(move || -> Opening {
        let config = config(&options);
        Box::pin(async { Ok(Box::new(GcsStorage::open(config).await?) as Box<dyn DynStorage>) })
    })
    .await;
}

fn config<C: serde::de::DeserializeOwned>(options: &Value) -> C {
    serde_json::from_value(options.clone()).expect("valid options")
}

async fn check(open: impl Fn() -> Opening) {
    let store = open().await.expect("the adapter opens");
    let mut failed = Vec::new();
    for check in storage_checks() {
        if let Err(failure) = (check.run)(&*store).await {
            failed.push(format!("{}: {failure}", check.name));
        }
    }
    for check in handle_checks() {
        if let Err(failure) = (check.run)(&|| open()).await {
            failed.push(format!("{}: {failure}", check.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
