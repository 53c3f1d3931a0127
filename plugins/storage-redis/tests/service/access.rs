//! Passwords, users, and TLS.

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_test_support::{Redis, with_causes};
use serde_json::json;

use crate::{open, open_at};

/// It may appear nowhere.
const SECRET: &str = "a-secret-that-nobody-may-see";

/// What `docs/backends/redis.md` says that a reader needs, and what a writer and one whose sessions expire need more.
const READS: &str = "~{persist* +@connection +@transaction +get +getrange +strlen +exists +zrange";
const WRITES: &str = "+set +del +zadd +zrem +info +config|get +eval";
const EXPIRES: &str = "+expireat +time";

fn add_user(server: &Redis, name: &str, rules: &[&str]) {
    let mut command = vec!["ACL", "SETUSER", name, "on", ">pass"];
    command.extend(rules.iter().flat_map(|rules| rules.split(' ')));
    assert_eq!(server.ask(&command), "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_denied_and_not_repeated() {
    let server = Redis::start_with(&["--requirepass", "right"]);
    let wrong = format!("redis://:{SECRET}@127.0.0.1:{}", server.port());
    for (url, word) in [(wrong, "password"), (server.url(), "REDIS_PASSWORD")] {
        let store = open_at(&url, json!({})).await;
        let value = || Bytes::from_static(b"v");
        for error in [
            store.load("k").await.unwrap_err(),
            store.exists("k").await.unwrap_err(),
            store.save("k", value()).await.unwrap_err(),
            store.save_if_absent("k", value()).await.unwrap_err(),
            store.delete("k").await.unwrap_err(),
            store.list(ListRequest::below("")).await.unwrap_err(),
            store.capabilities().await.unwrap_err(),
        ] {
            assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
            assert!(error.is_not_applied() && !error.is_retryable());
            assert!(error.message().contains(word), "{}", with_causes(&error));
            assert!(!format!("{} {error:?}", with_causes(&error)).contains(SECRET));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_permissions_suffice() {
    let server = Redis::start();
    add_user(&server, "writer", &[READS, WRITES, EXPIRES]);
    add_user(&server, "reader", &[READS]);
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    std::fs::write(&password, "pass\n").unwrap();
    let options = |user: &str| json!({"username": user, "password_file": password, "prefix": "persist"});

    let writer = open(&server, options("writer")).await;
    assert!(writer.capabilities().await.unwrap().durable);
    writer.save_if_absent("agents/a/s/d/0", Bytes::from_static(b"value")).await.unwrap();
    writer.save("agents/a/s/d/1", Bytes::from_static(b"other")).await.unwrap();
    writer.delete("agents/a/s/d/1").await.unwrap();
    let mut expiring = options("writer");
    expiring["ttl_seconds"] = json!(1000);
    open(&server, expiring).await.save("agents/a/s/d/0", Bytes::from_static(b"value")).await.unwrap();

    let reader = open(&server, options("reader")).await;
    assert_eq!(reader.load("agents/a/s/d/0").await.unwrap(), "value");
    assert_eq!(reader.load_range("agents/a/s/d/0", 1..3).await.unwrap(), "al");
    assert_eq!(reader.stat("agents/a/s/d/0").await.unwrap().size, 5);
    assert_eq!(reader.list(ListRequest::below("")).await.unwrap().objects.len(), 1);
    for error in [
        reader.save("agents/a/s/d/2", Bytes::new()).await.unwrap_err(),
        reader.save_if_absent("agents/a/s/d/2", Bytes::new()).await.unwrap_err(),
        reader.delete("agents/a/s/d/0").await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
        assert!(error.is_not_applied());
    }
    assert!(reader.exists("agents/a/s/d/0").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_used_and_the_certificate_checked() {
    let server = Redis::start_with_tls();
    let certificate = server.certificate().expect("it speaks TLS");
    let store = open(&server, json!({"ca_file": certificate})).await;
    store.save_if_absent("k", Bytes::from_static(b"value")).await.unwrap();
    assert_eq!(store.load("k").await.unwrap(), "value");

    // Nobody that the system trusts has signed that certificate.
    let stranger = open(&server, json!({})).await;
    let error = stranger.save_if_absent("other", Bytes::new()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
    assert!(error.is_not_applied() && with_causes(&error).contains("certificate"), "{}", with_causes(&error));
    assert!(!store.exists("other").await.unwrap());
}
