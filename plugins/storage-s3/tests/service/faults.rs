//! Failures, and how often they are met before they are reported.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::SharedCredentialsProvider;
use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_storage_s3::S3Storage;
use persist_test_support::with_causes;
use serde_json::json;

use crate::fake::{Answer, Fake};
use crate::{SECRET, open};

fn ok(body: &str) -> Answer {
    Answer::Status(200, body.to_owned())
}

/// Answers the probe for conditional creation, so that a test can count the requests that it is about.
fn taken(request: &crate::fake::Request) -> bool {
    request.target.contains("persist-probe")
}

#[tokio::test]
async fn a_bucket_that_keeps_versions_is_noticed_by_its_answers() {
    for (versioned, method) in [(false, "DELETE"), (true, "DELETE"), (true, "PUT")] {
        let fake = Fake::start(move |request, _| match request.method == method && !taken(request) {
            true if versioned => Answer::Versioned,
            _ if taken(request) => Answer::Error(412, "PreconditionFailed"),
            _ => ok(""),
        });
        let store = open(fake.endpoint(), json!({}), "key", SECRET).await;
        assert!(!store.capabilities().await.unwrap().keeps_versions);
        store.save("k", Bytes::from_static(b"v")).await.unwrap();
        store.delete("k").await.unwrap();
        assert_eq!(store.capabilities().await.unwrap().keeps_versions, versioned, "{method}");
    }
}

#[tokio::test]
async fn a_service_that_is_down_is_tried_max_attempts_times() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = open(&format!("http://{free}"), json!({"max_attempts": 4}), "key", SECRET).await;
    let errors = [
        store.load("k").await.unwrap_err(),
        store.exists("k").await.unwrap_err(),
        store.save("k", Bytes::from_static(b"v")).await.unwrap_err(),
        store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err(),
        store.list(ListRequest::below("")).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
        assert!(error.is_retryable());
        assert!(error.is_not_applied(), "nothing can have reached a service that refused every connection");
        assert!(error.message().contains("4 attempts"), "{error}");
        assert!(
            error.message().contains("\"bucket\"") && error.message().contains(&free.to_string()),
            "{error}"
        );
        assert!(!format!("{} {error:?}", with_causes(&error)).contains(SECRET));
    }
}

#[tokio::test]
async fn a_failing_service_gets_exactly_max_attempts_requests() {
    for max_attempts in [1, 2, 6] {
        let fake = Fake::start(|_, _| Answer::Error(500, "InternalError"));
        let options = json!({"max_attempts": max_attempts, "initial_backoff_ms": 0, "max_backoff_ms": 0});
        let store = open(fake.endpoint(), options, "key", SECRET).await;
        let error = store.save("k", Bytes::from_static(b"v")).await.unwrap_err();
        assert_eq!(fake.requests().len(), max_attempts);
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE);
        assert!(
            error.is_retryable() && !error.is_not_applied(),
            "a failure on the other side may hide a write"
        );
        let error = store.exists("k").await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "a failure is not an absence");
    }
}

#[tokio::test]
async fn no_quota_ends_the_retries_early() {
    let fake = Fake::start(|_, _| Answer::Error(503, "SlowDown"));
    let options = json!({"max_attempts": 2, "initial_backoff_ms": 0, "max_backoff_ms": 0});
    let store = open(fake.endpoint(), options, "key", SECRET).await;
    for _ in 0..150 {
        store.load("k").await.unwrap_err();
    }
    assert_eq!(fake.requests().len(), 300);
}

#[tokio::test]
async fn waits_grow_up_to_their_bound() {
    let fake = Fake::start(|_, _| Answer::Error(500, "InternalError"));
    let longest = |options| {
        let endpoint = fake.endpoint().to_owned();
        let fake = &fake;
        async move {
            let before = fake.requests().len();
            let store = open(&endpoint, options, "key", SECRET).await;
            store.load("k").await.unwrap_err();
            let times: Vec<Instant> = fake.requests()[before..].iter().map(|request| request.at).collect();
            times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
        }
    };
    // Each wait is a random part of the longest one: all 15 are short once in a thousand million runs.
    let options = json!({"max_attempts": 16, "initial_backoff_ms": 200, "max_backoff_ms": 200});
    let waited = longest(options).await;
    assert!(waited > Duration::from_millis(50), "{waited:?}");
    let options = json!({"max_attempts": 16, "initial_backoff_ms": 1, "max_backoff_ms": 5});
    let waited = longest(options).await;
    assert!(waited < Duration::from_millis(1000), "{waited:?}");
}

#[tokio::test]
async fn a_throttled_request_is_repeated() {
    let fake = Fake::start(|_, before| match before {
        0 => Answer::Error(503, "SlowDown"),
        1 => Answer::Status(429, String::new()),
        _ => ok("value"),
    });
    let store = open(fake.endpoint(), json!({"max_attempts": 4}), "key", SECRET).await;
    assert_eq!(store.load("k").await.unwrap(), "value");
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn throttling_that_does_not_end_is_reported_as_such() {
    let fake = Fake::start(|_, _| Answer::Error(503, "SlowDown"));
    let store = open(fake.endpoint(), json!({}), "key", SECRET).await;
    let error = store.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::THROTTLED);
    assert!(error.is_retryable() && error.message().contains("3 attempts"), "{error}");
}

#[tokio::test]
async fn a_conflict_is_not_yet_a_decision() {
    let fake = Fake::start(|request, before| match before {
        _ if taken(request) => Answer::Error(412, "PreconditionFailed"),
        1 => Answer::Error(409, "ConditionalRequestConflict"),
        _ => ok(""),
    });
    let store = open(fake.endpoint(), json!({}), "key", SECRET).await;
    store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap();
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn a_conflict_that_does_not_end_is_no_other_writer() {
    let fake = Fake::start(|request, _| {
        if taken(request) {
            Answer::Error(412, "PreconditionFailed")
        } else {
            Answer::Error(409, "ConditionalRequestConflict")
        }
    });
    let store = open(fake.endpoint(), json!({"max_attempts": 3}), "key", SECRET).await;
    let error = store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE);
    assert!(error.is_not_applied() && error.is_retryable());
    assert_eq!(fake.requests().len(), 1 + 3);
}

#[tokio::test]
async fn a_key_taken_after_a_lost_answer_may_be_ones_own() {
    let fake = Fake::start(|request, before| match before {
        _ if taken(request) => Answer::Error(412, "PreconditionFailed"),
        1 => Answer::HangUp,
        _ => Answer::Error(412, "PreconditionFailed"),
    });
    let store = open(fake.endpoint(), json!({}), "key", SECRET).await;
    let error = store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS);
    assert!(!error.is_not_applied(), "the attempt whose answer was lost may have written the object");
    let error = store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err();
    assert!(error.is_not_applied(), "here there was no other attempt");
}

#[tokio::test]
async fn a_denial_after_a_lost_answer_leaves_the_write_open() {
    let fake = Fake::start(|_, before| match before {
        0 => Answer::HangUp,
        _ => Answer::Error(400, "ExpiredToken"),
    });
    let store = open(fake.endpoint(), json!({}), "key", SECRET).await;
    let error = store.save("k", Bytes::from_static(b"v")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED);
    assert!(!error.is_not_applied());
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let fake = Fake::start(|_, _| Answer::Silence);
    let options = json!({"attempt_timeout_ms": 100, "max_attempts": 2});
    let store = open(fake.endpoint(), options, "key", SECRET).await;
    let begin = Instant::now();
    let error = store.save("k", Bytes::from_static(b"v")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", with_causes(&error));
    assert!(error.is_retryable() && !error.is_not_applied());
    assert_eq!(fake.requests().len(), 2);
    assert!(begin.elapsed() < Duration::from_secs(10));

    let options = json!({"operation_timeout_ms": 150});
    let store = open(fake.endpoint(), options, "key", SECRET).await;
    let error = store.save("k", Bytes::from_static(b"v")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", with_causes(&error));
    assert!(!error.is_not_applied());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_read_again() {
    let fake = Fake::start(|_, before| match before {
        0 => Answer::CutShort("half".to_owned()),
        _ => ok("whole"),
    });
    let store = open(fake.endpoint(), json!({}), "key", SECRET).await;
    assert_eq!(store.load("k").await.unwrap(), "whole");

    let broken = Fake::start(|_, _| Answer::CutShort("half".to_owned()));
    let store = open(broken.endpoint(), json!({"max_attempts": 3}), "key", SECRET).await;
    let error = store.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
    assert_eq!(broken.requests().len(), 3);
}

#[tokio::test]
async fn data_that_does_not_match_its_checksum_is_not_handed_out() {
    let fake = Fake::start(|_, before| match before {
        0 => Answer::WrongChecksum("damaged".to_owned()),
        _ => ok("whole"),
    });
    let store = open(fake.endpoint(), json!({"checksum": "crc32"}), "key", SECRET).await;
    assert_eq!(store.load("k").await.unwrap(), "whole");

    let broken = Fake::start(|_, _| Answer::WrongChecksum("damaged".to_owned()));
    let store = open(broken.endpoint(), json!({"checksum": "crc32"}), "key", SECRET).await;
    let error = store.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CORRUPT, "{}", with_causes(&error));
}

#[tokio::test]
async fn missing_credentials_are_a_denial_that_says_where_they_may_be() {
    let fake = Fake::start(|_, _| ok("value"));
    let config = json!({"bucket": "bucket", "endpoint": fake.endpoint(), "max_attempts": 2});
    let none = provide_credentials_fn(async || Err(CredentialsError::not_loaded("none in this test")));
    let config = serde_json::from_value(config).unwrap();
    let credentials = SharedCredentialsProvider::new(none);
    let store = S3Storage::open_with_credentials(config, credentials).await.unwrap();
    let error = store.save("k", Bytes::from_static(b"v")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
    assert!(error.message().contains("AWS_ACCESS_KEY_ID") && error.is_not_applied(), "{error}");
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn an_upload_that_fails_is_aborted() {
    let upload = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
    let fake = Fake::start(move |request, _| match request.method.as_str() {
        "POST" => ok(upload),
        "PUT" if request.target.contains("partNumber=2") => Answer::Error(403, "AccessDenied"),
        _ => ok(""),
    });
    let options = json!({"multipart_threshold_mb": 5, "multipart_part_mb": 5, "concurrency": 2});
    let store = open(fake.endpoint(), options, "key", SECRET).await;
    let error = store.save("large", Bytes::from(vec![1; 12 << 20])).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED);
    assert!(error.is_not_applied(), "an upload that was not completed is invisible");
    let requests = fake.requests();
    let last = requests.last().unwrap();
    assert!(last.method == "DELETE" && last.target.contains("uploadId=u"), "{last:?}");
    assert!(!requests.iter().any(|request| request.method == "POST" && request.target.contains("uploadId")));
}

#[tokio::test]
async fn an_upload_that_is_dropped_is_aborted() {
    let upload = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
    let fake = Fake::start(move |request, _| match request.method.as_str() {
        "POST" => ok(upload),
        "PUT" => Answer::Silence,
        _ => ok(""),
    });
    let store = open(fake.endpoint(), json!({"multipart_threshold_mb": 5}), "key", SECRET).await;
    let save = store.save("large", Bytes::from(vec![1; 12 << 20]));
    tokio::time::timeout(Duration::from_millis(700), save).await.unwrap_err();
    for _ in 0..100 {
        if fake.requests().iter().any(|request| request.method == "DELETE") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no DELETE among {:?}", fake.requests().iter().map(|request| &request.method).collect::<Vec<_>>());
}

#[tokio::test]
async fn encryption_and_checksum_options_reach_the_service() {
    let fake = Fake::start(|_, _| ok(""));
    let options = json!({"server_side_encryption": "aws:kms", "kms_key_id": "my-key", "checksum": "sha256"});
    let store = open(fake.endpoint(), options, "key", SECRET).await;
    store.save("k", Bytes::from_static(b"v")).await.unwrap();
    let headers = &fake.requests()[0].headers;
    assert_eq!(headers["x-amz-server-side-encryption"], "aws:kms");
    assert_eq!(headers["x-amz-server-side-encryption-aws-kms-key-id"], "my-key");
    assert!(headers.contains_key("x-amz-checksum-sha256"));

    let plain = open(fake.endpoint(), json!({}), "key", SECRET).await;
    plain.save("k", Bytes::from_static(b"v")).await.unwrap();
    let headers = &fake.requests()[1].headers;
    assert!(
        !headers.keys().any(|name| name.contains("checksum") || name.contains("encryption")),
        "{headers:?}"
    );
}

#[tokio::test]
async fn a_bucket_in_another_region_is_a_matter_of_options() {
    let fake = Fake::start(|_, _| Answer::Error(301, "PermanentRedirect"));
    let store = open(fake.endpoint(), json!({}), "key", SECRET).await;
    let error = store.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CONFIG);
    assert!(error.message().contains("region"), "{error}");
}
