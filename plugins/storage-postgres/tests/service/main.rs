//! The adapter against a real server that is well, misused, slow, and killed.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

mod errors;
mod faults;
mod objects;
mod page;
mod table;
mod tls;

use std::sync::Arc;

use persist_plugin_api::{Bytes, ListRequest, StorageAdapter as _};
use persist_storage_postgres::{PostgresConfig, PostgresStorage};
use persist_test_support::Postgres;
use serde_json::{Value, json};

/// Opens the adapter, with short waits unless `options` say otherwise.
async fn open(options: Value) -> PostgresStorage {
    let mut all = json!({"retry": {"max_attempts": 3, "initial_backoff_ms": 1, "max_backoff_ms": 4}});
    all.as_object_mut().expect("an object").extend(options.as_object().expect("an object").clone());
    let config: PostgresConfig = serde_json::from_value(all).expect("valid options");
    PostgresStorage::open(config).await.expect("the adapter opens")
}

/// A schema that nobody else uses, and the options that lead there.
fn new_schema(server: &Arc<Postgres>) -> (String, Value) {
    let schema = server.place("service").options["schema"].as_str().expect("a name").to_owned();
    let options = json!({"url": server.url("persist", "persist"), "schema": schema});
    (schema, options)
}

fn with(mut options: Value, more: &Value) -> Value {
    options.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    options
}

/// Every object's key, or every directory, of a listing.
async fn names(store: &PostgresStorage, mut request: ListRequest) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let page = store.list(request.clone()).await.expect("a page");
        assert!(page.objects.len() + page.prefixes.len() <= request.limit as usize);
        names.extend(page.objects.into_iter().map(|object| object.key));
        names.extend(page.prefixes);
        if page.next.is_none() {
            return names;
        }
        request = request.continued(page.next);
    }
}

/// Bytes that do not repeat.
fn sample(length: usize, seed: u32) -> Bytes {
    let mut state = seed.wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}
