//! Services that accept a condition and ignore it.

use persist_plugin_api::{Bytes, ErrorCode};
use serde_json::json;

use crate::fake::{Answer, Fake, Request};
use crate::{WRITTEN, open, text};

const ADAPTERS: [&str; 2] = ["azblob", "gcs"];

#[tokio::test]
async fn a_service_that_ignores_the_condition_is_found_out_before_the_first_write() {
    for adapter in ADAPTERS {
        let fake = Fake::start(|request, _| match request.method.as_str() {
            "GET" => Answer::Status(200, "{}"),
            _ => Answer::Status(201, WRITTEN),
        });
        let store = open(adapter, fake.endpoint(), json!({})).await;
        assert!(fake.requests().is_empty(), "opening sends nothing");

        let error = store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::UNSUPPORTED, "{}", text(&error));
        assert!(error.is_not_applied() && error.message().contains("single_writer"), "{error}");
        let sent = fake.requests();
        assert_eq!(sent.len(), 2, "one that creates, one that should have been refused, and not the object");
        assert!(sent.iter().all(|request| request.probes() && request.is_conditional()), "{sent:?}");
        let data = |request: &Request| request.body.windows(13).any(|part| part == b"Persist tries");
        assert!(sent.iter().all(data) && sent[0].body.len() == sent[1].body.len());
        assert!(!store.capabilities().await.unwrap().atomic_create);

        store.save("k", Bytes::from_static(b"v")).await.unwrap();
        let last = fake.requests().pop().expect("the write");
        assert!(!last.is_conditional() && !last.probes(), "{last:?}");
    }
}

#[tokio::test]
async fn a_failed_probe_is_an_error_and_is_repeated() {
    for (adapter, taken) in [("azblob", 409), ("gcs", 412)] {
        let fake = Fake::start(move |request, before| match (before, request.method.as_str()) {
            (0, _) => Answer::Header(403, "x-ms-error-code: AuthorizationPermissionMismatch"),
            (_, "GET") => Answer::Status(200, "{}"),
            _ => Answer::Header(taken, "x-ms-error-code: BlobAlreadyExists"),
        });
        let store = open(adapter, fake.endpoint(), json!({})).await;
        assert_eq!(store.capabilities().await.unwrap_err().code(), ErrorCode::PERMISSION_DENIED);
        assert!(store.capabilities().await.unwrap().atomic_create, "{adapter}");
        assert!(store.capabilities().await.unwrap().atomic_create);
        assert_eq!(fake.requests().iter().filter(|request| request.probes()).count(), 2);
    }
}

#[tokio::test]
async fn the_probe_is_hidden_and_its_key_reserved() {
    let server = persist_test_support::FakeGcs::shared();
    let store = crate::open_place(&server.place("probe"), json!({})).await;
    assert!(store.capabilities().await.unwrap().atomic_create);
    store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap();
    let page = store.list(persist_plugin_api::ListRequest::below("")).await.unwrap();
    assert_eq!(page.objects.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["k"]);
    let error = store.delete("persist-probe").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::INVALID_ARGUMENT);
}
