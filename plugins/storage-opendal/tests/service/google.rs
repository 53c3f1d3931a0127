//! Google's own ways, on fake-gcs-server and on a service that the test plays.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use persist_plugin_api::{Bytes, ErrorCode, ListRequest};
use persist_test_support::{FakeGcs, Place};
use serde_json::json;

use crate::fake::{Answer, Fake};
use crate::{open, open_place, text, try_open};

/// What a file may hold that looks like a key and is none.
const KEY: &str = r#"{"type":"service_account","client_email":"a@b",
    "private_key":"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"}"#;

#[tokio::test]
async fn an_object_goes_in_one_request_with_its_checksum() {
    let fake = Fake::start(|request, _| match request.probes() {
        true => Answer::Status(412, ""),
        false => Answer::Status(200, r#"{"generation":"1"}"#),
    });
    let store = open("gcs", fake.endpoint(), json!({})).await;
    store.save_if_absent("a b", Bytes::from_static(b"123456789")).await.unwrap();
    let sent = fake.requests().pop().expect("the write");
    assert_eq!(fake.requests().len(), 2, "the probe and the object");
    assert_eq!(sent.method, "POST");
    let target =
        "/upload/storage/v1/b/bucket/o?uploadType=multipart&fields=generation&name=a%20b&ifGenerationMatch=0";
    assert_eq!(sent.target, target);
    let body = String::from_utf8(sent.body).expect("text");
    assert!(body.contains(r#""crc32c":"4waSgw==""#) && body.contains("\r\n\r\n123456789\r\n--"), "{body}");
}

#[tokio::test]
async fn a_bucket_that_keeps_what_is_deleted_is_known() {
    for (status, body, keeps) in [
        (200, "{}", false),
        (
            200,
            r#"{"versioning":{"enabled":false},"softDeletePolicy":{"retentionDurationSeconds":"0"}}"#,
            false,
        ),
        (200, r#"{"versioning":{"enabled":true}}"#, true),
        (200, r#"{"softDeletePolicy":{"retentionDurationSeconds":"604800"}}"#, true),
        // New buckets keep what is deleted for a week, so a bucket that must not be asked is taken for one of those.
        (403, "{}", true),
    ] {
        let fake = Fake::start(move |request, _| match request.method.as_str() {
            "GET" => Answer::Status(status, body),
            _ => Answer::Status(412, ""),
        });
        let store = open("gcs", fake.endpoint(), json!({})).await;
        assert_eq!(store.capabilities().await.unwrap().keeps_versions, keeps, "{status} {body}");
    }
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_a_denial_that_says_where_they_may_be() {
    let fake = Fake::start(|_, _| Answer::Status(200, "{}"));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), KEY).expect("it can be written");
    let options = json!({
        "bucket": "b", "endpoint": fake.endpoint(), "credentials_file": file.path(),
        "retry": {"max_attempts": 1},
    });
    let store = try_open("gcs", options).await.expect("it opens");
    for error in [
        store.load("k").await.unwrap_err(),
        store.save("k", Bytes::from_static(b"v")).await.unwrap_err(),
        store.list(ListRequest::below("")).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", text(&error));
        assert!(
            error.is_not_applied() && error.message().contains("since credentials_file names it"),
            "{error}"
        );
        assert!(!text(&error).contains("hunter2"), "{}", text(&error));
    }
    assert!(fake.requests().is_empty());
}

/// Run in a process of its own, whose environment has credentials that work.
#[tokio::test]
async fn no_other_credentials_stand_in_for_a_file() {
    if std::env::var_os("PERSIST_TEST_STAND_IN").is_some() {
        return use_a_file_beside_other_credentials().await;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let output = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "google::no_other_credentials_stand_in_for_a_file"])
        .env("PERSIST_TEST_STAND_IN", directory.path())
        .env("GOOGLE_APPLICATION_CREDENTIALS", directory.path().join("other.json"))
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

async fn use_a_file_beside_other_credentials() {
    let fake = Fake::start(|request, _| match request.target.as_str() {
        "/token" => {
            Answer::Status(200, r#"{"access_token":"other","expires_in":3600,"token_type":"Bearer"}"#)
        }
        _ if request.method == "GET" => Answer::Status(200, "value"),
        _ => Answer::Status(200, r#"{"generation":"1"}"#),
    });
    let directory = PathBuf::from(std::env::var_os("PERSIST_TEST_STAND_IN").expect("a directory"));
    let subject = directory.join("subject");
    std::fs::write(&subject, "token").expect("it can be written");
    let other = json!({
        "type": "external_account", "audience": "a", "token_url": format!("{}/token", fake.endpoint()),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "credential_source": {"file": subject, "format": {"type": "text"}},
    });
    std::fs::write(directory.join("other.json"), other.to_string()).expect("it can be written");
    let mut options = json!({"bucket": "b", "endpoint": fake.endpoint(), "retry": {"max_attempts": 1}});
    let store = try_open("gcs", options.clone()).await.expect("it opens");
    assert_eq!(store.load("k").await.expect("the other credentials work"), "value");
    let before = fake.requests().len();

    let key = directory.join("key.json");
    options["credentials_file"] = json!(key);
    let Err(error) = try_open("gcs", options.clone()).await else { panic!("the file is missing") };
    assert_eq!(error.code(), ErrorCode::CONFIG, "{}", text(&error));
    assert!(error.message().contains("key.json"), "{error}");
    std::fs::write(&key, KEY).expect("it can be written");
    let store = try_open("gcs", options).await.expect("it opens");
    for _ in 0..2 {
        for error in [
            store.load("k").await.expect_err("denied"),
            store.save("k", Bytes::new()).await.expect_err("denied"),
        ] {
            assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", text(&error));
        }
        // Nor does anything when the file goes later.
        let _ = std::fs::remove_file(&key);
    }
    assert_eq!(fake.requests().len(), before);
}

#[tokio::test]
async fn a_server_that_was_killed_is_used_again_when_it_is_back() {
    let mut server = FakeGcs::start();
    server.create_bucket_named("killed");
    let place = Place {
        adapter: "gcs",
        options: json!({
            "bucket": "killed", "endpoint": server.endpoint(), "allow_anonymous": true,
            "retry": {"max_attempts": 2, "initial_backoff_ms": 1, "max_backoff_ms": 1},
        }),
        environment: Vec::new(),
        address: server.address(),
        server: Arc::new(()),
    };
    let store = open_place(&place, json!({})).await;
    store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap();
    server.kill();
    // This one may find a connection that is just being closed, and is repeated.
    assert_eq!(store.load("k").await.unwrap_err().code(), ErrorCode::UNAVAILABLE);
    let error = store.save_if_absent("l", Bytes::from_static(b"v")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", text(&error));
    assert!(error.is_retryable() && error.is_not_applied(), "{}", text(&error));
    // It keeps its data in memory, so it comes back empty.
    server.restart();
    server.create_bucket_named("killed");
    store.save_if_absent("k", Bytes::from_static(b"w")).await.unwrap();
    assert_eq!(store.load("k").await.unwrap(), "w");
}
