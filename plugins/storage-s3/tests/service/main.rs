//! The adapter against services that behave, fail and lie.

#![expect(clippy::expect_used, reason = "a test that cannot go on should say so")]

mod environment;
mod fake;
mod faults;
mod liars;
mod seaweedfs;

use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use persist_storage_s3::{S3Config, S3Storage};
use serde_json::{Value, json};

/// The secret key of services that check none; it may appear nowhere.
const SECRET: &str = "a-secret-that-nobody-may-see";

/// Opens the adapter on an endpoint, with short waits unless `options` say otherwise.
async fn open(endpoint: &str, options: Value, access_key: &str, secret_key: &str) -> S3Storage {
    let mut all = json!({
        "bucket": "bucket", "endpoint": endpoint, "region": "us-east-1",
        "max_attempts": 3, "initial_backoff_ms": 1, "max_backoff_ms": 4,
    });
    let all = all.as_object_mut().expect("an object");
    all.extend(options.as_object().expect("an object").clone());
    let config: S3Config = serde_json::from_value(Value::Object(all.clone())).expect("valid options");
    let credentials = Credentials::new(access_key, secret_key, None, None, "test");
    S3Storage::open_with_credentials(config, SharedCredentialsProvider::new(credentials))
        .await
        .expect("the adapter opens")
}
