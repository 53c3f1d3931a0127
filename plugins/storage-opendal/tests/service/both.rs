//! What both services must do, on their emulators.

use std::sync::Arc;

use persist_plugin_api::{Bytes, DynStorage, ErrorCode, ListRequest};
use persist_test_support::{Azurite, FakeGcs, Place};
use serde_json::json;

use crate::{open_place, text};

fn places(name: &str) -> [Place; 2] {
    [Azurite::shared().place(name), FakeGcs::shared().place(name)]
}

/// Bytes that no compression and no repetition makes the same.
fn noise(length: usize) -> Bytes {
    let mut state = 0x9E37_79B9_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(next).collect()
}

#[tokio::test]
async fn objects_of_every_size_come_back() {
    const MEGABYTE: usize = 1 << 20;
    for place in places("sizes") {
        let store = open_place(&place, json!({})).await;
        for size in [0, 1, 4 * MEGABYTE, 8 * MEGABYTE - 1, 8 * MEGABYTE, 8 * MEGABYTE + 1, 64 * MEGABYTE] {
            let (key, data) = (format!("size/{size}"), noise(size));
            store.save_if_absent(&key, data.clone()).await.unwrap();
            assert!(store.load(&key).await.unwrap() == data, "{size} bytes in {place:?}");
            let error = store.save_if_absent(&key, Bytes::from_static(b"other")).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS);
            store.save(&key, data.slice(size / 2..)).await.unwrap();
            assert_eq!(store.stat(&key).await.unwrap().size, (size - size / 2) as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_creators_one_wins() {
    for place in places("creators") {
        for (round, size) in [1, 1, 1, 2 << 20].into_iter().enumerate() {
            let key = format!("contended/{round}");
            let mut creators = Vec::new();
            for creator in 0_u8..16 {
                // Each has an adapter of its own, as other processes would.
                let store: Arc<dyn DynStorage> = open_place(&place, json!({})).await.into();
                let (key, data) = (key.clone(), Bytes::from(vec![creator; size]));
                creators.push(tokio::spawn(async move { store.save_if_absent(&key, data).await }));
            }
            let mut winners = Vec::new();
            for (creator, outcome) in creators.into_iter().enumerate() {
                match outcome.await.expect("no panic") {
                    Ok(()) => winners.push(creator),
                    Err(error) => {
                        assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", text(&error));
                        assert!(error.is_not_applied());
                    }
                }
            }
            assert_eq!(winners.len(), 1, "{winners:?} in {place:?}");
            let found = open_place(&place, json!({})).await.load(&key).await.unwrap();
            assert!(found.len() == size && found.iter().all(|byte| usize::from(*byte) == winners[0]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_keys_are_listed_in_pages() {
    let odd = ["a b", "ü", "%41", "x+y", "#?&=", "日本", "a.", r"b\c", "'q'", "~"];
    for place in places("many") {
        let store: Arc<dyn DynStorage> = open_place(&place, json!({})).await.into();
        let mut keys: Vec<String> =
            (0..2000).map(|number| format!("many/{}-{number:04}/end", odd[number % odd.len()])).collect();
        for chunk in keys.chunks(50) {
            let writes = chunk.iter().cloned().map(|key| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.save(&key, Bytes::from_static(b"x")).await })
            });
            for write in writes.collect::<Vec<_>>() {
                write.await.expect("no panic").unwrap();
            }
        }
        keys.sort_unstable();
        let directories: Vec<String> = keys.iter().map(|key| key.replace("/end", "/")).collect();
        for limit in [300, 1000] {
            let below = ListRequest::below("many/").limit(limit);
            let (objects, _) = all_pages(&below, std::slice::from_ref(&store)).await;
            assert!(objects == keys, "{limit} in {place:?}");
            let (_, mut prefixes) =
                all_pages(&ListRequest::directory("many/").limit(limit), std::slice::from_ref(&store)).await;
            prefixes.sort_unstable();
            assert!(prefixes == directories, "{limit} in {place:?}");
        }
        // A page that another process goes on with begins where it should.
        let stores = [store, open_place(&place, json!({})).await.into()];
        let (objects, _) = all_pages(&ListRequest::below("many/").limit(300), &stores).await;
        assert!(objects == keys, "{place:?}");
    }
}

/// Lists all pages, each with the next of the stores. The objects are sorted.
async fn all_pages(request: &ListRequest, stores: &[Arc<dyn DynStorage>]) -> (Vec<String>, Vec<String>) {
    let (mut objects, mut prefixes, mut continuation) = (Vec::new(), Vec::new(), None);
    for store in stores.iter().cycle() {
        let page = store.list(request.clone().continued(continuation)).await.expect("a page");
        objects.extend(page.objects.into_iter().map(|object| object.key));
        prefixes.extend(page.prefixes);
        continuation = page.next;
        if continuation.is_none() {
            break;
        }
    }
    objects.sort_unstable();
    (objects, prefixes)
}

#[tokio::test]
async fn a_missing_container_is_named_with_the_command_that_makes_it() {
    for (place, option, command) in places("missing")
        .into_iter()
        .zip([("container", "az storage container create"), ("bucket", "gcloud storage buckets create")])
        .map(|(place, (option, command))| (place, option, command))
    {
        let store = open_place(&place, json!({option: "missing-one"})).await;
        for error in [
            store.load("k").await.unwrap_err(),
            store.load_range("k", 0..1).await.unwrap_err(),
            store.stat("k").await.unwrap_err(),
            store.exists("k").await.unwrap_err(),
            store.save("k", Bytes::from_static(b"v")).await.unwrap_err(),
            store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err(),
            store.delete("k").await.unwrap_err(),
            store.list(ListRequest::below("")).await.unwrap_err(),
            store.capabilities().await.unwrap_err(),
        ] {
            assert_eq!(error.code(), ErrorCode::CONTAINER_MISSING, "{}", text(&error));
            assert!(error.message().contains(command) && error.message().contains("missing-one"), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_not_persists_is_left_alone() {
    for place in places("others") {
        let at_root = open_place(&place, json!({})).await;
        let below = open_place(&place, json!({"prefix": "agents"})).await;
        at_root.save("agents-other", Bytes::from_static(b"x")).await.unwrap();
        at_root.save("agents/mine", Bytes::from_static(b"x")).await.unwrap();
        let page = below.list(ListRequest::below("")).await.unwrap();
        assert_eq!(page.objects.len(), 1, "{place:?}");
        assert_eq!(page.objects[0].key, "mine");
        assert_eq!(below.load("other").await.unwrap_err().code(), ErrorCode::NOT_FOUND);
    }
}
