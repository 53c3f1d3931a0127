//! The adapters against services that behave, fail and lie.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

mod azure;
mod both;
mod fake;
mod faults;
mod google;
mod liars;

use std::fmt::Write as _;

use persist_plugin_api::{DynStorage, Error, Result, StorageAdapter as _};
use persist_storage_opendal::{AzblobStorage, GcsStorage};
use persist_test_support::Place;
use serde_json::{Value, json};

/// A key of an account that may appear nowhere.
const SECRET: &str = "YS1zZWNyZXQtdGhhdC1ub2JvZHktbWF5LXNlZQ==";

/// What Google answers to a write. Azure answers nothing.
const WRITTEN: &str = r#"{"generation":"1"}"#;

/// Opens an adapter by its name.
async fn try_open(adapter: &str, options: Value) -> Result<Box<dyn DynStorage>> {
    match adapter {
        "azblob" => {
            let config = serde_json::from_value(options).expect("valid options");
            Ok(Box::new(AzblobStorage::open(config).await?))
        }
        "gcs" => {
            let config = serde_json::from_value(options).expect("valid options");
            Ok(Box::new(GcsStorage::open(config).await?))
        }
        other => panic!("no adapter {other}"),
    }
}

/// Opens the adapter of a place on a real server, with some options changed.
async fn open_place(place: &Place, changes: Value) -> Box<dyn DynStorage> {
    let mut options = place.options.clone();
    for (_, key) in place.environment.iter().filter(|(name, _)| *name == "AZURE_STORAGE_KEY") {
        options["account_key"] = json!(key);
    }
    for (option, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(options.as_object_mut().expect("an object").remove(option)),
            value => options[option] = value.clone(),
        }
    }
    try_open(place.adapter, options).await.expect("the adapter opens")
}

/// Opens an adapter on a service that the test plays, with short waits and three attempts unless `options` say otherwise.
async fn open(adapter: &str, endpoint: &str, options: Value) -> Box<dyn DynStorage> {
    let mut all = json!({
        "endpoint": endpoint,
        "retry": {"max_attempts": 3, "initial_backoff_ms": 1, "max_backoff_ms": 4},
    });
    match adapter {
        "azblob" => {
            all["container"] = json!("bucket");
            all["account"] = json!("account");
            all["account_key"] = json!(SECRET);
        }
        _ => {
            all["bucket"] = json!("bucket");
            all["allow_anonymous"] = json!(true);
        }
    }
    all.as_object_mut().expect("an object").extend(options.as_object().expect("an object").clone());
    try_open(adapter, all).await.expect("the adapter opens")
}

/// Everything that an error says in whatever way, with its causes.
fn text(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        write!(text, ": {cause} {cause:?}").expect("memory");
        source = cause.source();
    }
    text
}
