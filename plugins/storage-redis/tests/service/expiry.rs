//! Sessions that expire.

use std::time::Duration;

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_test_support::{Redis, with_causes};
use serde_json::json;

use crate::open;

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_of_a_session_expire_at_one_moment() {
    let server = Redis::start();
    let store = open(&server, json!({"prefix": "p", "ttl_seconds": 1000})).await;
    store.save("persist-store.json", Bytes::from_static(b"marker")).await.unwrap();
    store.save_if_absent("agents/a/s/d/0", Bytes::from_static(b"v")).await.unwrap();
    let expiry = |key: &str| server.ask(&["EXPIRETIME", key]).parse::<i64>().expect("a time");
    let first = expiry("{p/agents/a/s}:object:d/0");
    // A later write moves the moment for all, also one that only found its key taken.
    let later = open(&server, json!({"prefix": "p", "ttl_seconds": 5000})).await;
    later.save_if_absent("agents/a/s/d/0", Bytes::from_static(b"other")).await.unwrap_err();
    later.save_if_absent("agents/a/s/m/1", Bytes::from_static(b"v")).await.unwrap();
    let moments =
        ["{p/agents/a/s}:object:d/0", "{p/agents/a/s}:object:m/1", "{p/agents/a/s}:index"].map(expiry);
    assert!(moments.iter().all(|moment| *moment == moments[0] && *moment >= first + 4000), "{moments:?}");
    // The store itself stays.
    assert_eq!(expiry("{p}:index"), -1);
    assert_eq!(expiry("{p}:object:persist-store.json"), -1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_gone_whole_and_can_begin_anew() {
    let server = Redis::start();
    let store = open(&server, json!({"ttl_seconds": 1})).await;
    for key in ["persist-store.json", "agents/a/s/d/0", "agents/a/s/d/1"] {
        store.save_if_absent(key, Bytes::from_static(b"v")).await.unwrap();
    }
    while store.exists("agents/a/s/d/0").await.unwrap() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!store.exists("agents/a/s/d/1").await.unwrap());
    let page = store.list(ListRequest::below("")).await.unwrap();
    assert_eq!(
        page.objects.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(),
        ["persist-store.json"]
    );
    assert!(store.list(ListRequest::directory("agents/")).await.unwrap().prefixes.is_empty());
    store.save_if_absent("agents/a/s/d/0", Bytes::from_static(b"new")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_builds_on_an_expired_session_is_refused() {
    let server = Redis::start();
    let store = open(&server, json!({"prefix": "p", "ttl_seconds": 1})).await;
    let value = || Bytes::from_static(b"v");
    let later = ["d/0000000001", "m/0000000001", "g/0000000001-00/0000000000"];
    store.save_if_absent("agents/a/s/d/0000000000", value()).await.unwrap();
    while store.exists("agents/a/s/d/0000000000").await.unwrap() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A claim comes before the record that it is for, so that it may come first in a session. It is no base.
    store.save_if_absent("agents/a/s/n/name/0000000001", value()).await.unwrap();
    for member in later {
        let key = format!("agents/a/s/{member}");
        for error in [
            store.save_if_absent(&key, value()).await.unwrap_err(),
            store.save(&key, value()).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), ErrorCode::OTHER, "{}", with_causes(&error));
            assert!(error.is_not_applied() && !error.is_retryable());
            assert!(error.message().contains("expired") && error.message().contains("another id"), "{error}");
        }
        assert_eq!(server.ask(&["EXISTS", &format!("{{p/agents/a/s}}:object:{member}")]), "0");
    }
    let lasting = open(&server, json!({"prefix": "p", "ttl_seconds": 1000})).await;
    lasting.save_if_absent("agents/a/s/d/0000000000", value()).await.unwrap();
    for member in later {
        lasting.save_if_absent(&format!("agents/a/s/{member}"), value()).await.unwrap();
    }
}
