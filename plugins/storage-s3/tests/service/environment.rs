//! What the environment decides. Each case runs in a process of its own, since the variables of this one are shared by
//! all its tests.

use std::process::Command;

use persist_plugin_api::{Bytes, ErrorCode, StorageAdapter as _};
use persist_storage_s3::{S3Config, S3Storage};
use persist_test_support::with_causes;
use serde_json::json;

use crate::SECRET;
use crate::fake::{Answer, Fake};

const CHILD: &str = "PERSIST_S3_TEST_CHILD";

/// Runs a test of this file again with these variables and hardly any other. Returns `false` in that process.
fn in_child(test: &str, variables: &[(&str, &str)]) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return false;
    }
    let output = Command::new(std::env::current_exe().expect("the path of this executable"))
        .args(["--exact", &format!("environment::{test}")])
        .env_clear()
        .envs([(CHILD, "1"), ("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/nonexistent")])
        .envs(variables.iter().copied())
        .output()
        .expect("this executable starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    true
}

fn config(options: serde_json::Value) -> S3Config {
    serde_json::from_value(options).expect("valid options")
}

#[tokio::test]
async fn without_a_region_nothing_opens() {
    if in_child("without_a_region_nothing_opens", &[]) {
        return;
    }
    let error = S3Storage::open(config(json!({"bucket": "b"}))).await.err().expect("no region");
    assert_eq!(error.code(), ErrorCode::CONFIG, "{}", with_causes(&error));
    assert!(error.message().contains("AWS_REGION"), "{error}");
}

#[tokio::test]
async fn without_credentials_the_adapter_opens_and_the_first_request_is_denied() {
    let name = "without_credentials_the_adapter_opens_and_the_first_request_is_denied";
    if in_child(name, &[("AWS_REGION", "eu-west-3")]) {
        return;
    }
    let store = S3Storage::open(config(json!({"bucket": "b"}))).await.expect("the adapter opens");
    let error = store.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
    assert!(error.message().contains("eu-west-3"), "{error}");
}

#[tokio::test]
async fn an_endpoint_of_the_environment_counts_as_one() {
    let fake = Fake::start(|_, _| Answer::Status(200, String::new()));
    let variables = [
        ("AWS_ENDPOINT_URL_S3", fake.endpoint()),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ];
    if in_child("an_endpoint_of_the_environment_counts_as_one", &variables) {
        let requests = fake.requests();
        assert_eq!(requests.len(), 1);
        assert!(requests[0].target.starts_with("/b/k"), "the bucket is in the path: {}", requests[0].target);
        assert!(!requests[0].headers.keys().any(|name| name.starts_with("x-amz-checksum")));
        return;
    }
    let store =
        S3Storage::open(config(json!({"bucket": "b", "region": "r"}))).await.expect("the adapter opens");
    store.save("k", Bytes::from_static(b"v")).await.unwrap();
}
