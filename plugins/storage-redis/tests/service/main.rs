//! The adapter against servers that behave, are set up wrongly, and fail.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

mod access;
mod crash;
mod documentation;
mod expiry;
mod objects;
mod replicas;
mod setup;

use std::fmt::Write as _;

use persist_plugin_api::{Error, StorageAdapter as _};
use persist_storage_redis::{RedisConfig, RedisStorage};
use persist_test_support::Redis;
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
    RedisStorage::open(config).await.unwrap_or_else(|error| panic!("{}", text(&error)))
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
