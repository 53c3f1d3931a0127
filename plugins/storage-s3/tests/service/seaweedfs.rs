//! Against a real service that checks signatures and conditions.

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_storage_s3::S3Storage;
use persist_test_support::{SeaweedFs, with_causes};
use serde_json::{Value, json};

use crate::open;

async fn open_bucket(server: &SeaweedFs, mut options: Value) -> S3Storage {
    if options.get("bucket").is_none() {
        options["bucket"] = json!(server.create_bucket("service"));
    }
    open(server.endpoint(), options, server.access_key(), server.secret_key()).await
}

/// Bytes that no two positions of a part share.
fn sample(length: usize, seed: u32) -> Bytes {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_objects_go_in_parts_and_are_created_once() {
    let server = SeaweedFs::shared();
    for checksum in ["none", "crc32c", "sha256"] {
        let store = open_bucket(
            &server,
            json!({"checksum": checksum, "multipart_part_mb": 5, "multipart_create": true}),
        )
        .await;
        let (first, second) = (sample(40 << 20, 1), sample((40 << 20) + 3, 2));

        store.save_if_absent("large", first.clone()).await.unwrap();
        // The tag of an upload in parts ends with their number.
        let etag = store.stat("large").await.unwrap().etag.unwrap();
        assert!(etag.trim_matches('"').ends_with("-8"), "{etag}");
        assert_eq!(store.load("large").await.unwrap(), first);
        let range = (5 << 20) - 7..(5 << 20) + 9;
        let part = store.load_range("large", range.start as u64..range.end as u64).await.unwrap();
        assert_eq!(part, first[range]);

        let error = store.save_if_absent("large", second.clone()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(&error));
        assert!(error.is_not_applied());
        assert_eq!(store.load("large").await.unwrap(), first);

        store.save("large", second.clone()).await.unwrap();
        assert_eq!(store.load("large").await.unwrap(), second);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_large_creations_wins() {
    let server = SeaweedFs::shared();
    let store = open_bucket(&server, json!({})).await;
    for round in 0..4 {
        let key = format!("contended/{round}");
        let objects: Vec<Bytes> = (0..4).map(|seed| sample((17 << 20) + seed, seed as u32)).collect();
        let creations = objects.iter().map(|data| store.save_if_absent(&key, data.clone()));
        let outcomes = futures_util::future::join_all(creations).await;
        let winners: Vec<usize> = (0..4).filter(|&writer| outcomes[writer].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(error));
        }
        assert_eq!(store.load(&key).await.unwrap(), objects[winners[0]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_denied_and_not_repeated() {
    let server = SeaweedFs::shared();
    let secret = "wrong-0123456789-secret";
    let options = json!({"bucket": server.create_bucket("service")});
    let store = open(server.endpoint(), options, server.access_key(), secret).await;
    let errors = [
        store.load("k").await.unwrap_err(),
        store.exists("k").await.unwrap_err(),
        store.save("k", Bytes::from_static(b"v")).await.unwrap_err(),
        store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err(),
        store.delete("k").await.unwrap_err(),
        store.list(ListRequest::below("")).await.unwrap_err(),
        store.capabilities().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
        assert!(error.is_not_applied() && !error.is_retryable());
        assert!(!format!("{} {error:?}", with_causes(&error)).contains(secret));
    }
    // An answer with a body says which of the two keys is wrong.
    let error = store.load("k").await.unwrap_err();
    assert!(error.message().contains("SignatureDoesNotMatch"), "{error}");
    let unknown = open(server.endpoint(), json!({}), "UNKNOWNKEY", secret).await;
    let error = unknown.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED);
    assert!(error.message().contains("InvalidAccessKeyId"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_is_not_a_missing_object() {
    let server = SeaweedFs::shared();
    let store = open_bucket(&server, json!({"bucket": "never-made"})).await;
    let value = || Bytes::from_static(b"v");
    let errors = [
        store.load("k").await.unwrap_err(),
        store.load_range("k", 0..0).await.unwrap_err(),
        store.stat("k").await.unwrap_err(),
        store.exists("k").await.unwrap_err(),
        store.save("k", value()).await.unwrap_err(),
        store.save_if_absent("k", value()).await.unwrap_err(),
        store.list(ListRequest::below("")).await.unwrap_err(),
        store.capabilities().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), ErrorCode::CONTAINER_MISSING, "{}", with_causes(&error));
        assert!(
            error.message().contains("never-made") && error.message().contains(server.endpoint()),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_credentials_read() {
    let server = SeaweedFs::shared();
    let bucket = server.create_bucket("service");
    let writer = open_bucket(&server, json!({"bucket": bucket})).await;
    writer.save("d/k", Bytes::from_static(b"value")).await.unwrap();

    let reader = server.read_only_access_key();
    let store = open(server.endpoint(), json!({"bucket": bucket}), &reader, server.secret_key()).await;
    assert_eq!(store.load("d/k").await.unwrap(), "value");
    assert_eq!(store.load_range("d/k", 1..3).await.unwrap(), "al");
    assert!(store.exists("d/k").await.unwrap() && !store.exists("d/other").await.unwrap());
    assert_eq!(store.list(ListRequest::below("")).await.unwrap().objects.len(), 1);
    assert_eq!(store.list(ListRequest::directory("")).await.unwrap().prefixes, ["d/"]);
    for error in [
        store.save_if_absent("new", Bytes::from_static(b"v")).await.unwrap_err(),
        store.save("d/k", Bytes::from_static(b"v")).await.unwrap_err(),
        store.delete("d/k").await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
    }
    assert_eq!(store.load("d/k").await.unwrap(), "value");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_is_hidden_and_needs_no_second_one() {
    let server = SeaweedFs::shared();
    let bucket = server.create_bucket("service");
    for _ in 0..2 {
        let store = open_bucket(&server, json!({"bucket": bucket, "prefix": "p"})).await;
        assert!(store.capabilities().await.unwrap().atomic_create);
        let page = store.list(ListRequest::below("")).await.unwrap();
        assert_eq!((page.objects, page.prefixes, page.next), (vec![], vec![], None));
        let error = store.save("persist-probe", Bytes::new()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::INVALID_ARGUMENT);
    }
    let whole = open_bucket(&server, json!({"bucket": bucket})).await;
    assert!(whole.exists("p/persist-probe").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn prefixes_keep_stores_apart() {
    let server = SeaweedFs::shared();
    let bucket = server.create_bucket("service");
    let open = |prefix: &'static str| open_bucket(&server, json!({"bucket": bucket, "prefix": prefix}));
    let (one, two) = (open("one").await, open("/two/deep/").await);
    one.save("k", Bytes::from_static(b"1")).await.unwrap();
    two.save("k", Bytes::from_static(b"2")).await.unwrap();
    assert_eq!(one.load("k").await.unwrap(), "1");
    assert_eq!(two.load("k").await.unwrap(), "2");
    let keys = async |store: &S3Storage| -> Vec<String> {
        let page = store.list(ListRequest::below("")).await.unwrap();
        page.objects.into_iter().map(|object| object.key).collect()
    };
    assert_eq!(keys(&one).await, ["k"]);
    let all = open("").await;
    assert_eq!(keys(&all).await, ["one/k", "two/deep/k"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_keys_survive_saving_and_listing() {
    let server = SeaweedFs::shared();
    let store = open_bucket(&server, json!({"prefix": "a b+c%20"})).await;
    let mut keys: Vec<String> = [
        "two words",
        " lead",
        "trail ",
        "...",
        "..a",
        "~",
        "%2e%2e",
        "%2F",
        "%",
        "+",
        "a+b",
        "a%2Bb",
        r#"a:b*?"<>|"#,
        "!m",
        "#frag?query=1&x",
        "naïve-日本語-🦀",
        "e\u{301}",
        "é",
        "'quoted'",
        "&amp;",
    ]
    .into_iter()
    .flat_map(|name| [format!("end/{name}"), format!("middle/{name}/object")])
    .collect();
    keys.sort_unstable();
    for key in &keys {
        store
            .save(key, Bytes::from(key.clone()))
            .await
            .unwrap_or_else(|error| panic!("{}", with_causes(&error)));
    }
    for key in &keys {
        assert_eq!(store.load(key).await.unwrap(), *key);
        assert_eq!(store.stat(key).await.unwrap().key, *key);
    }
    let page = store.list(ListRequest::below("")).await.unwrap();
    let mut found: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
    found.sort_unstable();
    assert_eq!(found, keys);
    for key in &keys {
        store.delete(key).await.unwrap();
        assert!(!store.exists(key).await.unwrap(), "{key:?}");
    }
}
