//! The command over S3: the life of a session, and what a service that fails, refuses or forgets gets.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

mod damage;
mod life_cycle;
mod outage;
mod refusal;

use persist_e2e::s3::Bucket;
use serde_json::{Value, json};

/// The bucket's options with two quick attempts, and the given ones instead of its own.
fn options(bucket: &Bucket, other: &Value) -> Value {
    let mut options = bucket.options();
    let all = options.as_object_mut().expect("an object");
    all.extend(
        [("max_attempts", json!(2)), ("attempt_timeout_ms", json!(2_000))]
            .map(|(name, value)| (name.to_owned(), value)),
    );
    all.extend(other.as_object().expect("an object").clone());
    options
}
