//! Services that accept `If-None-Match` and ignore it.

use persist_plugin_api::{Bytes, ErrorCode, StorageAdapter as _};
use persist_test_support::with_causes;
use serde_json::json;

use crate::fake::{Answer, Fake, Request};
use crate::{SECRET, open};

const UPLOAD: &str = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
const COMPLETED: &str = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>";

fn ok(body: &str) -> Answer {
    Answer::Status(200, body.to_owned())
}

/// The methods of the requests that were sent for a key.
fn requests(fake: &Fake, key: &str) -> Vec<Request> {
    fake.requests().into_iter().filter(|request| request.target.contains(key)).collect()
}

#[tokio::test]
async fn a_service_that_ignores_the_condition_is_found_out_before_the_first_write() {
    let fake = Fake::start(|_, _| ok(""));
    let store = open(fake.endpoint(), json!({}), "key", SECRET).await;
    assert!(fake.requests().is_empty(), "opening sends nothing");

    let error = store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNSUPPORTED, "{}", with_causes(&error));
    assert!(error.is_not_applied() && error.message().contains("single_writer"), "{error}");
    assert!(!store.capabilities().await.unwrap().atomic_create);

    let probes = requests(&fake, "/bucket/persist-probe");
    assert_eq!(probes.len(), 2, "one that creates, one that should have been refused, and no more later");
    assert!(probes.iter().all(|probe| probe.method == "PUT" && probe.headers["if-none-match"] == "*"));
    assert_eq!(probes[0].body, probes[1].body);
    assert_eq!(fake.requests().len(), 2, "the object itself is never sent");

    store.save("k", Bytes::from_static(b"v")).await.unwrap();
    assert!(!requests(&fake, "/bucket/k")[0].headers.contains_key("if-none-match"));
}

#[tokio::test]
async fn a_service_that_refuses_the_header_is_no_better() {
    let fake = Fake::start(|_, _| Answer::Error(501, "NotImplemented"));
    let store = open(fake.endpoint(), json!({"max_attempts": 1}), "key", SECRET).await;
    assert!(!store.capabilities().await.unwrap().atomic_create);
}

#[tokio::test]
async fn a_failed_probe_is_an_error_and_is_repeated() {
    let fake = Fake::start(|_, before| match before {
        0 => Answer::Error(403, "AccessDenied"),
        _ => Answer::Error(412, "PreconditionFailed"),
    });
    let store = open(fake.endpoint(), json!({}), "key", SECRET).await;
    assert_eq!(store.capabilities().await.unwrap_err().code(), ErrorCode::PERMISSION_DENIED);
    assert!(store.capabilities().await.unwrap().atomic_create);
    assert!(store.capabilities().await.unwrap().atomic_create);
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn conditions_on_uploads_in_parts_are_tried_by_themselves() {
    // Honours the condition on whole objects alone.
    let fake = Fake::start(|request, _| match (request.method.as_str(), request.target.as_str()) {
        ("PUT", target) if target.contains("persist-probe") && !target.contains("uploadId") => {
            Answer::Error(412, "PreconditionFailed")
        }
        ("POST", target) if target.contains("uploads") => ok(UPLOAD),
        ("POST", _) => ok(COMPLETED),
        _ => ok(""),
    });
    let options = json!({"multipart_create": true, "multipart_threshold_mb": 5});
    let store = open(fake.endpoint(), options, "key", SECRET).await;
    let large = Bytes::from(vec![7; (5 << 20) + 1]);
    store.save_if_absent("large", large.clone()).await.unwrap();
    let sent = requests(&fake, "/bucket/large");
    assert_eq!(sent.len(), 1, "in one piece, which this service creates safely");
    assert_eq!(sent[0].headers["if-none-match"], "*");
    assert_eq!(sent[0].body, large);
    let completions: Vec<_> = requests(&fake, "persist-probe");
    let completion =
        completions.iter().find(|request| request.method == "POST" && request.target.contains("uploadId"));
    assert_eq!(completion.expect("the trial was completed").headers["if-none-match"], "*");
}
