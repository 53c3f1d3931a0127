//! The adapter against a server that behaves and fails.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

mod access;
mod answers;
mod chunks;
mod crash;
mod late;
mod middleman;
mod objects;
mod pool;
mod slow;

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use persist_plugin_api::{Bytes, StorageAdapter as _};
use persist_storage_mongodb::{MongoConfig, MongoStorage};
use persist_test_support::{Proxy, SecantusDb, with_causes};
use serde_json::{Value, json};

const MIB: usize = 1 << 20;

/// Opens the adapter on a server, with short waits unless `options` say otherwise.
async fn open(server: &SecantusDb, options: Value) -> MongoStorage {
    let mut all = json!({
        "uri": server.uri(), "database": SecantusDb::database("service"), "server_selection_timeout_ms": 5000,
        "retry": {"max_attempts": 3, "initial_backoff_ms": 1, "max_backoff_ms": 4},
    });
    let all = all.as_object_mut().expect("an object");
    all.extend(options.as_object().expect("an object").clone());
    let config: MongoConfig = serde_json::from_value(Value::Object(all.clone())).expect("valid options");
    MongoStorage::open(config).await.unwrap_or_else(|error| panic!("{}", with_causes(&error)))
}

/// A collection, without the adapter.
async fn collection(server: &SecantusDb, database: &str, name: &str) -> Collection<Document> {
    let client = Client::with_uri_str(server.uri()).await.expect("a client");
    client.database(database).collection(name)
}

/// How many chunks and how many marks there are.
async fn leftovers(server: &SecantusDb, database: &str) -> (u64, u64) {
    let chunks = collection(server, database, "persist_chunks").await;
    let marks = collection(server, database, "persist_marks").await;
    let count = async |collection: Collection<Document>| collection.count_documents(doc! {}).await;
    (count(chunks).await.expect("a number"), count(marks).await.expect("a number"))
}

/// A proxy before a server, and the connection string that leads through it.
fn proxied(server: &SecantusDb) -> (Proxy, String) {
    let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
    let uri = format!("mongodb://{}/?directConnection=true", proxy.address());
    (proxy, uri)
}

/// How a command on a collection begins, after its message's head.
fn command(verb: &str, collection: &str) -> Vec<u8> {
    let mut bytes = vec![2];
    bytes.extend(verb.as_bytes());
    bytes.push(0);
    bytes.extend(u32::try_from(collection.len() + 1).expect("a short name").to_le_bytes());
    bytes.extend(collection.as_bytes());
    bytes.push(0);
    bytes
}

/// Waits until something is so, which it will be soon or never.
async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), wait).await.expect("what is waited for happens");
}

/// Bytes that no two positions of a part share.
fn sample(length: usize, seed: u32) -> Bytes {
    (0..length as u32).map(|at| (at.wrapping_add(seed).wrapping_mul(0x9E37_79B9) >> 24) as u8).collect()
}
