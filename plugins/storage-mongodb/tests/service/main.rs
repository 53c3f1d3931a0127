//! The adapter against a server that behaves and fails.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

mod access;
mod chunks;
mod crash;
mod documentation;
mod objects;

use std::fmt::Write as _;

use mongodb::bson::Document;
use mongodb::{Client, Collection};
use persist_plugin_api::{Error, StorageAdapter as _};
use persist_storage_mongodb::{MongoConfig, MongoStorage};
use persist_test_support::SecantusDb;
use serde_json::{Value, json};

/// Opens the adapter on a server, with short waits unless `options` say otherwise.
async fn open(server: &SecantusDb, options: Value) -> MongoStorage {
    let mut all = json!({
        "uri": server.uri(), "database": SecantusDb::database("service"), "server_selection_timeout_ms": 5000,
        "retry": {"max_attempts": 3, "initial_backoff_ms": 1, "max_backoff_ms": 4},
    });
    let all = all.as_object_mut().expect("an object");
    all.extend(options.as_object().expect("an object").clone());
    let config: MongoConfig = serde_json::from_value(Value::Object(all.clone())).expect("valid options");
    MongoStorage::open(config).await.unwrap_or_else(|error| panic!("{}", text(&error)))
}

/// A collection, without the adapter.
async fn collection(server: &SecantusDb, database: &str, name: &str) -> Collection<Document> {
    let client = Client::with_uri_str(server.uri()).await.expect("a client");
    client.database(database).collection(name)
}

/// Everything that an error says, with its causes.
fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        write!(text, ": {cause}").expect("memory");
        source = cause.source();
    }
    text
}
