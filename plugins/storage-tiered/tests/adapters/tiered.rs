//! What the tiered adapter serves from its cache, and what it never does.

use std::time::Duration;

use persist_plugin_api::{Bytes, ErrorCode, ReadPurpose, Request, StorageAdapter as _};
use persist_storage_tiered::{TieredConfig, TieredStorage};
use tracing::Level;

use crate::logged::Logged;
use crate::support::{MARKER, Place, asked};

const KEY: &str = "agents/a/s/d/0000000001";

async fn open(cache: &Place, remote: &Place) -> TieredStorage {
    TieredStorage::open(TieredConfig::new(cache.part(), remote.part())).await.unwrap()
}

/// A store with one object, and a cache that has its copy.
async fn filled() -> (Place, Place, TieredStorage) {
    let (cache, remote) = (Place::default(), Place::default());
    let storage = open(&cache, &remote).await;
    storage.save_if_absent(MARKER, Bytes::from_static(b"store one")).await.unwrap();
    storage.save_if_absent(KEY, Bytes::from_static(b"the object")).await.unwrap();
    assert_eq!(cache.keys().len(), 1);
    remote.take_calls();
    cache.take_calls();
    (cache, remote, storage)
}

async fn content(storage: &TieredStorage, key: &str) -> persist_plugin_api::Result<Bytes> {
    asked(ReadPurpose::Content, storage.load(key)).await
}

#[tokio::test]
async fn contents_come_from_the_cache_and_all_else_from_the_remote() {
    let (cache, remote, storage) = filled().await;
    assert_eq!(content(&storage, KEY).await.unwrap(), "the object");
    // Which store it is, is asked once for each request.
    assert_eq!(remote.take_calls(), [format!("load {MARKER}")]);
    let range = asked(ReadPurpose::Content, storage.load_range(KEY, 4..100)).await.unwrap();
    assert_eq!(range, "object");
    assert_eq!(remote.take_calls(), [format!("load {MARKER}")]);
    cache.take_calls();
    for purpose in [ReadPurpose::Decide, ReadPurpose::Consult] {
        assert_eq!(asked(purpose, storage.load(KEY)).await.unwrap(), "the object");
        assert!(asked(purpose, storage.exists(KEY)).await.unwrap());
        asked(purpose, storage.stat(KEY)).await.unwrap();
        asked(purpose, storage.load_range(KEY, 0..1)).await.unwrap();
        // `exists` asks for the metadata, as it is by default.
        let expected = ["load", "stat", "stat", "load"].map(|method| format!("{method} {KEY}"));
        assert_eq!(remote.take_calls(), expected, "{purpose:?}");
    }
    assert!(cache.loose_reads().is_empty(), "what is in the cache is asked for as it is");
}

#[tokio::test]
async fn one_request_asks_once_which_store_it_is() {
    let (_, remote, storage) = filled().await;
    asked(ReadPurpose::Content, async {
        for _ in 0..3 {
            storage.load(KEY).await.unwrap();
        }
    })
    .await;
    assert_eq!(remote.take_calls(), [format!("load {MARKER}")]);
}

#[tokio::test]
async fn requests_beside_each_other_ask_once_each_and_at_once() {
    let (_, remote, storage) = filled().await;
    let read = async |id: &str| {
        let read = ReadPurpose::Content.scope(storage.load(KEY));
        assert_eq!(Request::with_id(id).scope(read).await.unwrap(), "the object");
    };
    remote.marker_waits_for(2);
    let both = async { tokio::join!(read("one"), read("one"), read("two"), read("two")) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("neither waits for the other");
    remote.marker_waits_for(1);
    for id in ["one", "two", "one"] {
        read(id).await;
    }
    assert_eq!(remote.take_calls(), [format!("load {MARKER}"), format!("load {MARKER}")]);
}

#[tokio::test]
async fn what_is_removed_while_it_is_read_is_not_kept_and_others_are() {
    let (_, remote, _) = filled().await;
    let other = "agents/a/s/d/0000000002";
    remote.objects().insert(other.to_owned(), Bytes::from_static(b"another"));
    remote.snapshots_are_late(true);
    let cache = Place::default();
    let storage = open(&cache, &remote).await;
    let removal = async {
        // Both reads have begun by now, and neither has an answer.
        tokio::task::yield_now().await;
        storage.delete(KEY).await.unwrap();
        remote.objects().insert(KEY.to_owned(), Bytes::from_static(b"replaced"));
    };
    let (one, two, ()) = tokio::join!(content(&storage, KEY), content(&storage, other), removal);
    assert_eq!((one.unwrap(), two.unwrap()), ("replaced".into(), "another".into()));
    assert_eq!(cache.keys().len(), 1, "what may have been read before the removal is not kept");
    remote.take_calls();
    content(&storage, other).await.unwrap();
    assert_eq!(remote.take_calls(), [format!("load {MARKER}")]);
}

#[tokio::test]
async fn small_copies_count_for_a_block_each() {
    let (cache, remote) = (Place::default(), Place::default());
    let config = TieredConfig::new(cache.part(), remote.part()).max_bytes(3 * 4096);
    let storage = TieredStorage::open(config).await.unwrap();
    storage.save_if_absent(MARKER, Bytes::from_static(b"store")).await.unwrap();
    for number in 0..10 {
        storage.save_if_absent(&format!("{number}"), Bytes::from_static(b"small")).await.unwrap();
    }
    assert_eq!(cache.keys().len(), 3);
}

#[tokio::test]
async fn a_cold_cache_is_filled_by_reading_and_absence_is_never_kept() {
    let (_, remote, _) = filled().await;
    let cache = Place::default();
    let storage = open(&cache, &remote).await;
    assert_eq!(content(&storage, "agents/a/s/d/9").await.unwrap_err().code(), ErrorCode::NOT_FOUND);
    assert!(cache.keys().is_empty());
    remote.objects().insert("agents/a/s/d/9".to_owned(), Bytes::from_static(b"new"));
    assert_eq!(content(&storage, "agents/a/s/d/9").await.unwrap(), "new");
    assert_eq!(cache.keys().len(), 1);
    remote.take_calls();
    assert_eq!(content(&storage, "agents/a/s/d/9").await.unwrap(), "new");
    assert_eq!(remote.take_calls(), [format!("load {MARKER}")]);
}

#[tokio::test]
async fn a_damaged_copy_is_dropped_and_fetched_again() {
    let (cache, remote, storage) = filled().await;
    let name = cache.keys().pop().unwrap();
    let whole = cache.objects().get(&name).cloned().unwrap();
    for cut in [0, 5, whole.len() - 1, whole.len()] {
        let mut damaged = whole[..cut].to_vec();
        if cut == whole.len() {
            *damaged.last_mut().unwrap() ^= 1;
        }
        cache.objects().insert(name.clone(), damaged.into());
        remote.take_calls();
        assert_eq!(content(&storage, KEY).await.unwrap(), "the object");
        assert_eq!(remote.take_calls(), [format!("load {MARKER}"), format!("load {KEY}")]);
        assert_eq!(cache.objects().get(&name), Some(&whole), "it was put back whole");
    }
    // The copy of another object in its place is no better.
    storage.save_if_absent("agents/a/s/d/2", Bytes::from_static(b"another")).await.unwrap();
    let other = cache.keys().into_iter().find(|key| *key != name).unwrap();
    let copy = cache.objects().get(&other).cloned().unwrap();
    cache.objects().insert(name, copy);
    assert_eq!(content(&storage, KEY).await.unwrap(), "the object");
}

#[tokio::test]
async fn a_copy_that_differs_from_the_remote_goes_when_the_remote_is_looked_at() {
    let (cache, remote, storage) = filled().await;
    remote.objects().insert(KEY.to_owned(), Bytes::from_static(b"a stub"));
    assert_eq!(asked(ReadPurpose::Decide, storage.load(KEY)).await.unwrap(), "a stub");
    assert!(cache.keys().is_empty());
    assert_eq!(content(&storage, KEY).await.unwrap(), "a stub");
    remote.objects().remove(KEY);
    assert!(asked(ReadPurpose::Decide, storage.load(KEY)).await.is_err());
    assert!(cache.keys().is_empty());
}

#[tokio::test]
async fn what_is_replaced_or_removed_leaves_the_cache() {
    let (cache, _, storage) = filled().await;
    storage.save(KEY, Bytes::from_static(b"a stub")).await.unwrap();
    assert!(cache.keys().is_empty());
    assert_eq!(content(&storage, KEY).await.unwrap(), "a stub");
    storage.delete(KEY).await.unwrap();
    assert!(cache.keys().is_empty());
    assert_eq!(content(&storage, KEY).await.unwrap_err().code(), ErrorCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_is_kept_that_the_remote_did_not_confirm() {
    let (cache, remote, storage) = filled().await;
    let before = cache.keys();
    remote.loses_replies(true);
    storage.save_if_absent("agents/a/s/d/2", Bytes::from_static(b"x")).await.unwrap_err();
    remote.loses_replies(false);
    storage.save_if_absent("agents/a/s/d/2", Bytes::from_static(b"y")).await.unwrap_err();
    assert_eq!(cache.keys(), before);
    assert_eq!(content(&storage, "agents/a/s/d/2").await.unwrap(), "x");
}

#[tokio::test]
async fn a_store_made_anew_shares_nothing_with_the_one_before() {
    let (cache, remote, storage) = filled().await;
    remote.objects().clear();
    let marker = Bytes::from_static(b"store two");
    remote.objects().insert(MARKER.to_owned(), marker);
    remote.objects().insert(KEY.to_owned(), Bytes::from_static(b"another object"));
    // By a process that has seen the first, and by one that has not.
    assert_eq!(content(&storage, KEY).await.unwrap(), "another object");
    assert_eq!(content(&open(&cache, &remote).await, KEY).await.unwrap(), "another object");
    // Before there is a store, nothing is kept.
    let nothing = open(&cache, &Place::default()).await;
    let before = cache.keys();
    nothing.save("persist-doctor-1", Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(content(&nothing, "persist-doctor-1").await.unwrap(), "x");
    assert_eq!(cache.keys(), before);
}

#[tokio::test]
async fn two_stores_share_a_cache_without_meeting() {
    let cache = Place::default();
    let mut stores = Vec::new();
    for number in 0..2 {
        let storage = open(&cache, &Place::default()).await;
        storage.save_if_absent(MARKER, format!("store {number}").into()).await.unwrap();
        storage.save_if_absent(KEY, format!("object {number}").into()).await.unwrap();
        stores.push(storage);
    }
    assert_eq!(cache.keys().len(), 2);
    for (number, storage) in stores.iter().enumerate() {
        assert_eq!(content(storage, KEY).await.unwrap(), format!("object {number}"));
    }
}

#[tokio::test]
async fn the_bound_holds_and_the_longest_unused_goes_first() {
    const ENTRY: u64 = 48 + 5000;
    let (cache, remote) = (Place::default(), Place::default());
    cache.objects().insert("somebody/else's".to_owned(), Bytes::from_static(b"stays"));
    let config = TieredConfig::new(cache.part(), remote.part()).max_bytes(3 * ENTRY);
    let storage = TieredStorage::open(config.clone()).await.unwrap();
    storage.save_if_absent(MARKER, Bytes::from_static(b"store")).await.unwrap();
    let object = Bytes::from(vec![1; 5000]);
    for key in ["a", "b", "c"] {
        storage.save_if_absent(key, object.clone()).await.unwrap();
    }
    content(&storage, "a").await.unwrap();
    storage.save_if_absent("d", object.clone()).await.unwrap();
    let bytes = |cache: &Place| cache.objects().values().map(|copy| copy.len() as u64).sum::<u64>() - 5;
    assert_eq!(bytes(&cache), 3 * ENTRY);
    remote.take_calls();
    for (key, cached) in [("a", true), ("c", true), ("d", true), ("b", false)] {
        assert_eq!(content(&storage, key).await.unwrap(), object);
        let fetched = remote.take_calls().contains(&format!("load {key}"));
        assert_eq!(fetched, !cached, "{key}");
    }
    // Another process finds what is there, and keeps the bound as well.
    let other = TieredStorage::open(config).await.unwrap();
    content(&other, "b").await.unwrap();
    other.save_if_absent("e", object.clone()).await.unwrap();
    assert_eq!(bytes(&cache), 3 * ENTRY);
    // What is larger than the whole cache passes it by, and drives out nothing.
    let large = Bytes::from(vec![2; 20_000]);
    other.save_if_absent("large", large.clone()).await.unwrap();
    assert_eq!(content(&other, "large").await.unwrap(), large);
    assert_eq!(bytes(&cache), 3 * ENTRY);
    assert!(cache.keys().contains(&"somebody/else's".to_owned()));
}

#[tokio::test]
async fn a_limit_for_single_objects_keeps_large_ones_out() {
    let (cache, remote) = (Place::default(), Place::default());
    let config = TieredConfig::new(cache.part(), remote.part()).max_object_bytes(10);
    let storage = TieredStorage::open(config).await.unwrap();
    storage.save_if_absent(MARKER, Bytes::from_static(b"store")).await.unwrap();
    storage.save_if_absent("ten", Bytes::from_static(b"0123456789")).await.unwrap();
    storage.save_if_absent("eleven", Bytes::from_static(b"0123456789x")).await.unwrap();
    assert_eq!(cache.keys().len(), 1);
}

#[tokio::test]
async fn a_cache_that_fails_fails_nothing() {
    let (cache, remote, _) = filled().await;
    for (down, full) in [(true, false), (false, true)] {
        cache.down(false);
        let storage = open(&cache, &remote).await;
        content(&storage, KEY).await.unwrap();
        cache.down(down);
        cache.full(full);
        let key = format!("agents/a/s/d/{down}");
        storage.save_if_absent(&key, Bytes::from_static(b"kept")).await.unwrap();
        assert_eq!(content(&storage, &key).await.unwrap(), "kept");
        assert_eq!(content(&storage, KEY).await.unwrap(), "the object");
        storage.save(&key, Bytes::from_static(b"replaced")).await.unwrap();
        assert_eq!(content(&storage, &key).await.unwrap(), "replaced");
        storage.delete(&key).await.unwrap();
        assert!(!remote.keys().contains(&key));
    }
    // And it serves again when it can.
    cache.full(false);
    let storage = open(&cache, &remote).await;
    content(&storage, KEY).await.unwrap();
    remote.take_calls();
    content(&storage, KEY).await.unwrap();
    assert_eq!(remote.take_calls(), [format!("load {MARKER}")]);
}

#[tokio::test]
async fn a_cache_that_refuses_every_call_is_left_alone() {
    let (cache, _, storage) = filled().await;
    cache.down(true);
    for _ in 0..9 {
        assert_eq!(content(&storage, KEY).await.unwrap(), "the object");
    }
    assert_eq!(cache.take_calls().len(), 3);
    // What is erased is tried nevertheless.
    storage.delete(KEY).await.unwrap();
    assert_eq!(cache.take_calls().len(), 1);
}

#[tokio::test]
async fn an_erased_object_whose_copy_stays_is_told_of() {
    let (cache, _, storage) = filled().await;
    storage.save_if_absent("agents/a/s/d/2", Bytes::from_static(b"another")).await.unwrap();
    let (logged, _guard) = Logged::listen();
    cache.down(true);
    assert!(asked(ReadPurpose::Decide, storage.load("agents/a/s/d/9")).await.is_err());
    assert_eq!(logged.take(Level::WARN, "stays in the cache"), [""; 0], "nobody erased that");
    storage.delete(KEY).await.unwrap();
    let told = logged.take(Level::WARN, "stays in the cache on this machine");
    assert!(told.len() == 1 && told[0].contains("copy=\"tiered-1-") && told[0].contains(KEY), "{told:?}");
    storage.delete("agents/a/s/d/2").await.unwrap();
    assert_eq!(logged.take(Level::DEBUG, "stays in the cache").len(), 1);
}

#[tokio::test]
async fn without_the_remote_the_cache_is_no_store() {
    let (_, remote, storage) = filled().await;
    remote.down(true);
    assert_eq!(content(&storage, KEY).await.unwrap_err().code(), ErrorCode::UNAVAILABLE);
    let error = storage.save_if_absent("k", Bytes::new()).await.unwrap_err();
    assert!(error.is_not_applied());
}

#[tokio::test]
async fn options_that_leave_no_room_are_refused() {
    let place = Place::default();
    let config = TieredConfig::new(place.part(), place.part());
    for config in [config.clone().max_bytes(0), config.max_object_bytes(0)] {
        let error = TieredStorage::open(config).await.err().unwrap();
        assert_eq!(error.code(), ErrorCode::CONFIG);
        assert!(error.message().contains("= 0 leaves no room"), "{error}");
    }
    let config = TieredConfig::new(place.part(), place.part());
    TieredStorage::open(config.clone().max_bytes(4096)).await.unwrap();
    let error = TieredStorage::open(config.max_bytes(4095)).await.err().unwrap();
    assert_eq!(error.code(), ErrorCode::CONFIG);
    assert!(error.message().contains("max_bytes = 4095") && error.message().contains("4096"), "{error}");
}
