//! Sizes, contention and long listings.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_storage_redis::RedisStorage;
use persist_test_support::{Redis, with_causes};
use serde_json::json;

use crate::open;

/// Bytes that no two positions of a part share.
fn sample(length: usize) -> Bytes {
    (0..length as u32).map(|at| (at.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_every_size_come_back() {
    let server = Redis::shared();
    let store = open(&server, json!({})).await;
    for length in [0, 1, 64 << 20] {
        let (key, data) = (format!("agents/a/s/d/{length}"), sample(length));
        store.save_if_absent(&key, data.clone()).await.unwrap();
        assert_eq!(store.load(&key).await.unwrap(), data);
        assert_eq!(store.stat(&key).await.unwrap().size, length as u64);
        let (middle, end) = (length / 2, length as u64);
        let part = store.load_range(&key, middle as u64..end + 9).await.unwrap();
        assert_eq!(part, data.slice(middle..));
        store.delete(&key).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_it_is_sent() {
    let server = Redis::shared();
    let store = open(&server, json!({})).await;
    let bound = store.capabilities().await.unwrap().max_object_size.unwrap();
    let data = Bytes::from(vec![0; bound as usize + 1]);
    let error = store.save_if_absent("k", data).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LIMIT_EXCEEDED, "{}", with_causes(&error));
    assert!(
        error.is_not_applied() && !error.is_retryable() && error.message().contains("536870912"),
        "{error}"
    );
    assert!(!store.exists("k").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creators_wins() {
    let server = Redis::shared();
    let prefix = json!({"prefix": Redis::prefix("contended")});
    let stores = join_all((0..16).map(|_| open(&server, prefix.clone()))).await;
    for round in 0..20 {
        let key = format!("agents/a/s/d/{round:010}");
        let creations = stores.iter().enumerate().map(|(writer, store)| {
            let key = &key;
            async move { store.save_if_absent(key, Bytes::from(vec![writer as u8; 1000])).await }
        });
        let outcomes = join_all(creations).await;
        let winners: Vec<usize> = (0..16).filter(|&writer| outcomes[writer].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(error));
        }
        assert_eq!(stores[0].load(&key).await.unwrap(), vec![winners[0] as u8; 1000]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_listings_are_complete_and_in_order() {
    let server = Redis::shared();
    let store = open(&server, json!({})).await;
    let odd = ["{", "}", "{}", "*", "[", "(", "+", " ", "é", "\u{10ffff}", "a", "B", "~", "-", "0"];
    let keys: BTreeSet<String> = (0..2000)
        .map(|number| {
            let name = odd[number % odd.len()];
            match number % 3 {
                0 => format!("agents/{name}/s{}/d/{number:010}", number % 40),
                1 => format!("agents/{name}{number}/s/d/{name}"),
                _ => format!("{name}/{number}"),
            }
        })
        .collect();
    for chunk in keys.iter().collect::<Vec<_>>().chunks(50) {
        let writes = chunk.iter().map(|key| store.save(key, Bytes::from_static(b"v")));
        assert!(join_all(writes).await.iter().all(Result::is_ok));
    }
    let all: Vec<&String> = keys.iter().collect();
    for limit in [97, 1000, 5000] {
        assert_eq!(list(&store, ListRequest::below("").limit(limit)).await.iter().collect::<Vec<_>>(), all);
    }
    let after = all[777];
    let rest = list(&store, ListRequest::below("").start_after(after.as_str()).limit(100)).await;
    assert_eq!(rest.iter().collect::<Vec<_>>(), all[778..]);
    // Directories, by what the keys say.
    for prefix in ["", "agents/", "agents/}/", "agents/}/s1/"] {
        let expected: BTreeSet<String> = keys
            .iter()
            .filter_map(|key| {
                let slash = key.strip_prefix(prefix)?.find('/')?;
                Some(key[..=prefix.len() + slash].to_owned())
            })
            .collect();
        let found = list(&store, ListRequest::directory(prefix).limit(7)).await;
        let found: Vec<&String> = found.iter().filter(|name| name.ends_with('/')).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{prefix:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_objects_is_passed_over() {
    let server = Redis::shared();
    let prefix = Redis::prefix("entries");
    let store = open(&server, json!({"prefix": prefix})).await;
    store.save("agents/a/s/d/0", Bytes::from_static(b"v")).await.unwrap();
    // What a writer leaves that ends between the entry of its session and the session's first object.
    assert_eq!(server.ask(&["ZADD", &format!("{{{prefix}}}:index"), "0", "agents/a/lost/"]), "1");
    assert_eq!(list(&store, ListRequest::below("")).await, ["agents/a/s/d/0"]);
    assert_eq!(list(&store, ListRequest::directory("agents/a/")).await, ["agents/a/s/"]);
    assert_eq!(list(&store, ListRequest::directory("")).await, ["agents/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_session_goes_with_its_last_object() {
    let server = Redis::shared();
    let prefix = Redis::prefix("forgotten");
    let store = open(&server, json!({"prefix": prefix})).await;
    let root = format!("{{{prefix}}}:index");
    for key in ["agents/a/s/d/0", "agents/a/s/d/1"] {
        store.save(key, Bytes::from_static(b"v")).await.unwrap();
    }
    store.delete("agents/a/s/d/0").await.unwrap();
    assert_eq!(server.ask(&["ZRANGE", &root, "0", "-1"]), "agents/a/s/");
    store.delete("agents/a/s/d/1").await.unwrap();
    assert_eq!(server.ask(&["ZRANGE", &root, "0", "-1"]), "");
}

/// All entries of a listing, page by page: objects and directories as they come.
async fn list(store: &RedisStorage, request: ListRequest) -> Vec<String> {
    let (mut found, mut continuation) = (Vec::new(), None);
    loop {
        let page = store.list(request.clone().continued(continuation)).await.expect("a page");
        assert!(page.objects.len() + page.prefixes.len() <= request.limit as usize);
        found.extend(page.objects.into_iter().map(|object| object.key));
        found.extend(page.prefixes);
        continuation = page.next;
        if continuation.is_none() {
            return found;
        }
    }
}
