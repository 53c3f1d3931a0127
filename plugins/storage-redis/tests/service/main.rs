//! The adapter against servers that behave, are set up wrongly, and fail.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

mod access;
mod crash;
mod expiry;
mod objects;
mod replicas;
mod setup;

use persist_plugin_api::StorageAdapter as _;
use persist_storage_redis::{RedisConfig, RedisStorage};
use persist_test_support::{Redis, with_causes};
use serde_json::{Value, json};

/// Opens the adapter on a server, with short waits unless `options` say otherwise.
async fn open(server: &Redis, options: Value) -> RedisStorage {
    open_at(&server.url(), options).await
}

/// The same for any URL.
async fn open_at(url: &str, options: Value) -> RedisStorage {
    let mut all = json!({
        "url": url, "prefix": Redis::prefix("service"), "connect_timeout_ms": 5000, "request_timeout_ms": 20000,
        "retry": {"max_attempts": 3, "initial_backoff_ms": 1, "max_backoff_ms": 4},
    });
    let all = all.as_object_mut().expect("an object");
    all.extend(options.as_object().expect("an object").clone());
    let config: RedisConfig = serde_json::from_value(Value::Object(all.clone())).expect("valid options");
    RedisStorage::open(config).await.unwrap_or_else(|error| panic!("{}", with_causes(&error)))
}
