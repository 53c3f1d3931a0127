//! Objects of all sizes and names, and their listings.

use std::sync::Arc;

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_test_support::{Postgres, with_causes};
use serde_json::json;

use crate::{names, new_schema, open, sample, with};

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_every_size_come_back() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    for prepared in [true, false] {
        let store = open(with(options.clone(), &json!({"prepared_statements": prepared}))).await;
        // Around the end of what stays in the row, of a piece outside of it, and of a page.
        for length in [0, 1, 1_995, 1_996, 1_997, 2_032, 2_048, 8_191, 8_192, 8_193, 1 << 20] {
            let (key, data) = (format!("sizes/{prepared}/{length}"), sample(length, length as u32));
            store.save_if_absent(&key, data.clone()).await.unwrap();
            assert_eq!(store.load(&key).await.unwrap(), data, "{length}");
            assert_eq!(store.stat(&key).await.unwrap().size, length as u64);
            let end = store.load_range(&key, (length as u64).saturating_sub(3)..u64::MAX).await.unwrap();
            assert_eq!(end, data.slice(length.saturating_sub(3)..), "{length}");
        }
    }
    let storage = format!(
        "SELECT attstorage FROM pg_attribute WHERE attrelid = '{schema}.persist_objects'::regclass AND attname = 'data'"
    );
    assert_eq!(server.sql("persist", &storage), "e", "parts of a value can be read by themselves");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_is_created_once_and_read_in_parts() {
    let server = Postgres::shared();
    let store = open(new_schema(&server).1).await;
    let large = sample(64 << 20, 1);
    store.save_if_absent("large", large.clone()).await.unwrap();
    let error = store.save_if_absent("large", sample(64 << 20, 2)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(&error));
    assert!(store.load("large").await.unwrap() == large);
    let range = 40_000_001..40_000_100;
    assert_eq!(store.load_range("large", 40_000_001..40_000_100).await.unwrap(), large.slice(range));
    store.save("large", Bytes::from_static(b"small")).await.unwrap();
    assert_eq!(store.load("large").await.unwrap(), "small");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creators_wins() {
    let server = Postgres::shared();
    contend(new_schema(&server).1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creators_wins_in_the_strictest_isolation() {
    let server = Postgres::shared();
    let (_, options) = new_schema(&server);
    open(options.clone()).await.save("first", Bytes::new()).await.unwrap();
    let role = server.create_role("role", "IN ROLE persist");
    server.sql("postgres", &format!("ALTER ROLE {role} SET default_transaction_isolation = 'serializable'"));
    let patient = json!({
        "url": server.url(&role, "persist"),
        "retry": {"max_attempts": 100, "initial_backoff_ms": 1, "max_backoff_ms": 8},
    });
    contend(with(options, &patient)).await;
}

async fn contend(options: serde_json::Value) {
    for round in 0..8 {
        let key = format!("contended/{round}");
        // Handles of their own, as processes have, and more than one pool's connections.
        let creations = (0..16_u8).map(|writer| {
            let (options, key) = (options.clone(), key.clone());
            tokio::spawn(async move {
                let store = open(with(options, &json!({"pool_size": 1}))).await;
                store.save_if_absent(&key, Bytes::from(vec![writer; 5_000])).await
            })
        });
        let mut winners = Vec::new();
        for (writer, creation) in creations.collect::<Vec<_>>().into_iter().enumerate() {
            match creation.await.expect("no panic") {
                Ok(()) => winners.push(writer),
                Err(error) => {
                    assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(&error));
                    assert!(error.is_not_applied());
                }
            }
        }
        assert_eq!(winners.len(), 1);
        let kept = open(options.clone()).await.load(&key).await.expect("the object");
        assert_eq!(kept, vec![winners[0] as u8; 5_000]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_of_many_odd_keys_are_whole_and_in_the_order_of_bytes() {
    let server = Postgres::shared();
    // A database whose own order is a human's: upper and lower case mixed, punctuation ignored.
    let options = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C' ENCODING 'UTF8'";
    let database = server.create_database("listing", options);
    let store = Arc::new(open(json!({"url": server.url("persist", &database)})).await);
    let odd = [
        "a b", "%", "_", "A", "a", "B", "b", "é", "e\u{301}", "🦀", "日本", "'q'", "\"", "\\", "-", "..x",
        "~", "+",
    ];
    let mut keys: Vec<String> = (0..2_000)
        .map(|number| format!("{}{}/{}", odd[number % odd.len()], number % 40, odd[number / 40 % odd.len()]))
        .chain(odd.iter().map(|name| format!("top-{name}")))
        .enumerate()
        .map(|(number, key)| if key.starts_with("top-") { key } else { format!("{key}{number}") })
        .collect();
    let saves: Vec<_> = keys
        .iter()
        .cloned()
        .map(|key| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.save(&key, Bytes::from(key.clone())).await })
        })
        .collect();
    for save in saves {
        save.await.expect("no panic").unwrap();
    }
    keys.sort_unstable();
    for limit in [7, 999, 1_000, 5_000] {
        assert_eq!(names(&store, ListRequest::below("").limit(limit)).await, keys, "{limit}");
    }
    let after = &keys[777];
    assert_eq!(names(&store, ListRequest::below("").start_after(after)).await, keys[778..]);
    let below: Vec<String> = keys.iter().filter(|key| key.starts_with("é")).cloned().collect();
    assert!(!below.is_empty());
    assert_eq!(names(&store, ListRequest::below("é").limit(3)).await, below);

    let mut top: Vec<String> =
        keys.iter().map(|key| key.split_inclusive('/').next().expect("a segment").to_owned()).collect();
    top.dedup();
    for limit in [1, 7, 1_000] {
        let mut found = names(&store, ListRequest::directory("").limit(limit)).await;
        found.sort_unstable();
        assert_eq!(found, top, "{limit}");
    }
    // A directory counts as long as something in it comes after the key.
    let inside = ListRequest::directory("").start_after(&keys[100]);
    let mut rest: Vec<String> = keys[101..]
        .iter()
        .map(|key| key.split_inclusive('/').next().expect("a segment").to_owned())
        .collect();
    rest.dedup();
    let mut found = names(&store, inside.limit(10)).await;
    found.sort_unstable();
    assert_eq!(found, rest);
}
