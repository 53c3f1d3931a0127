//! Azure's own ways, on Azurite.

use std::sync::Arc;

use persist_plugin_api::{Bytes, ErrorCode, ListRequest};
use persist_test_support::{Azurite, Place};
use serde_json::{Value, json};

use crate::fake::{Answer, Fake};
use crate::{SECRET, open, open_place, text, try_open};

/// The options for a SAS token instead of a key.
fn token(token: &str) -> Value {
    json!({"account_key": null, "sas_token": token})
}

#[tokio::test]
async fn a_token_that_may_read_opens_and_reads() {
    let server = Azurite::shared();
    let place = server.place("readonly");
    let writer = open_place(&place, token(server.sas_token())).await;
    writer.save_if_absent("a/k", Bytes::from_static(b"v")).await.unwrap();

    let reader = open_place(&place, token(&format!("?{}", server.read_only_sas_token()))).await;
    assert_eq!(reader.load("a/k").await.unwrap(), "v");
    assert!(reader.exists("a/k").await.unwrap());
    assert_eq!(reader.list(ListRequest::below("a/")).await.unwrap().objects.len(), 1);
    for error in [
        reader.save("a/k", Bytes::from_static(b"w")).await.unwrap_err(),
        reader.save_if_absent("b", Bytes::from_static(b"w")).await.unwrap_err(),
        reader.delete("a/k").await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", text(&error));
        assert!(error.is_not_applied() && !error.is_retryable());
        assert!(!text(&error).contains("sig="), "{}", text(&error));
    }
    assert_eq!(writer.load("a/k").await.unwrap(), "v");
}

#[tokio::test]
async fn an_endpoint_without_the_account_is_recognised() {
    let server = Azurite::shared();
    let place = server.place("lacking");
    let endpoint = place.options["endpoint"].as_str().expect("a URL");
    let (origin, _account) = endpoint.rsplit_once('/').expect("a path");
    let store = open_place(&place, json!({"endpoint": origin})).await;
    for error in [
        store.load("persist-store.json").await.unwrap_err(),
        store.load("agents/a/s/d/0").await.unwrap_err(),
        store.save("agents/a/s/d/0", Bytes::from_static(b"v")).await.unwrap_err(),
    ] {
        assert!(error.is_not_applied() && !error.is_retryable(), "{}", text(&error));
        assert!(error.message().contains("lack the account at its end"), "{error}");
    }
    // What an emulator finds invalid is the name of a container.
    assert_eq!(store.load("persist-store.json").await.unwrap_err().code(), ErrorCode::CONFIG);
}

#[tokio::test]
async fn wrong_credentials_are_a_denial() {
    let server = Azurite::shared();
    let place = server.place("denied");
    for changes in [
        json!({"account_key": SECRET}),
        token(server.expired_sas_token()),
        token("sv=2021-06-08&sig=c2VjcmV0"),
    ] {
        let store = open_place(&place, changes).await;
        for error in [
            store.load("k").await.unwrap_err(),
            store.exists("k").await.unwrap_err(),
            store.save("k", Bytes::from_static(b"v")).await.unwrap_err(),
            store.list(ListRequest::below("")).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", text(&error));
            assert!(!text(&error).contains(SECRET) && !text(&error).contains("c2VjcmV0"), "{}", text(&error));
        }
    }
}

#[tokio::test]
async fn a_key_in_a_file_serves() {
    let server = Azurite::shared();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), format!("{}\n", server.key())).expect("it can be written");
    let changes = json!({"account_key": null, "account_key_file": file.path()});
    let store = open_place(&server.place("file"), changes).await;
    store.save("k", Bytes::from_static(b"v")).await.unwrap();
    assert_eq!(store.load("k").await.unwrap(), "v");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_and_not_repeated() {
    let options = json!({"container": "c", "account": "a", "account_key": "hunter2!"});
    let Err(error) = try_open("azblob", options).await else { panic!("the key is not base64") };
    assert_eq!(error.code(), ErrorCode::CONFIG);
    assert!(!text(&error).contains("hunter2"), "{}", text(&error));
}

#[tokio::test]
async fn a_server_that_was_killed_is_used_again_when_it_is_back() {
    let mut server = Azurite::start();
    let container = server.create_container("killed");
    let place = Place {
        adapter: "azblob",
        options: json!({
            "container": container, "account": server.account(), "endpoint": server.endpoint(),
            "account_key": server.key(),
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
    server.restart();
    // Azurite writes its tables to disk from time to time, so that a container may be gone with what was in it.
    match store.save_if_absent("l", Bytes::from_static(b"v")).await {
        Ok(()) => assert_eq!(store.load("l").await.unwrap(), "v"),
        Err(error) => assert_eq!(error.code(), ErrorCode::CONTAINER_MISSING, "{}", text(&error)),
    }
}

#[tokio::test]
async fn an_account_that_keeps_versions_is_noticed_by_its_answers() {
    for (header, keeps) in [
        ("x-ms-version-id: 2026-01-01T00:00:00.0000000Z", true),
        ("x-ms-delete-type-permanent: false", true),
        ("x-ms-delete-type-permanent: true", false),
    ] {
        let fake = Fake::start(move |request, _| match request.method.as_str() {
            _ if request.probes() => Answer::Header(409, "x-ms-error-code: BlobAlreadyExists"),
            "DELETE" => Answer::Header(202, header),
            _ => Answer::Status(201, ""),
        });
        let store = open("azblob", fake.endpoint(), json!({})).await;
        // Until an answer tells, what was overwritten may have been kept.
        assert!(store.capabilities().await.unwrap().keeps_versions);
        store.delete("k").await.unwrap();
        assert_eq!(store.capabilities().await.unwrap().keeps_versions, keeps, "{header}");
    }
}
