//! Reads where the primary, or a replica, is slow, silent or another store's.

use std::time::Duration;

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, ReadPurpose, Request, StorageAdapter as _};
use persist_storage_tiered::{ReplicatedConfig, ReplicatedStorage};
use tracing::Level;

use crate::faulty::{Fault, Faulty};
use crate::logged::Logged;
use crate::support::{MARKER, asked};

const KEY: &str = "agents/a/s/d/0";
const OTHER: &str = "agents/a/s/d/1";

async fn open(primary: &Faulty, replicas: &[&Faulty]) -> ReplicatedStorage {
    let replicas = replicas.iter().map(|replica| replica.part()).collect();
    let config = ReplicatedConfig::new(primary.part(), replicas).replica_timeout(1).failover_after(1);
    ReplicatedStorage::open(config).await.unwrap()
}

/// A store of two objects with two replicas.
async fn filled() -> (Faulty, [Faulty; 2], ReplicatedStorage) {
    let (primary, replicas) = (Faulty::default(), [Faulty::default(), Faulty::default()]);
    let storage = open(&primary, &[&replicas[0], &replicas[1]]).await;
    for (key, data) in [(MARKER, "store one"), (KEY, "zero"), (OTHER, "one")] {
        storage.save_if_absent(key, Bytes::from_static(data.as_bytes())).await.unwrap();
    }
    (primary, replicas, storage)
}

const SLOW: Fault = Fault::Slow(Duration::from_millis(3500));

#[tokio::test]
async fn a_transfer_may_take_longer_than_the_time_limits() {
    let (primary, replicas, storage) = filled().await;
    // From the primary, when the replicas lack the object; and what comes after it.
    replicas.iter().for_each(|replica| drop(replica.place.objects().remove(KEY)));
    primary.fault("load", KEY, SLOW);
    asked(ReadPurpose::Content, async {
        assert_eq!(storage.load(KEY).await.unwrap(), "zero");
        assert_eq!(storage.load_range(KEY, 1..3).await.unwrap(), "er");
    })
    .await;
    // From a replica, when the primary is gone.
    primary.place.down(true);
    replicas[1].place.objects().insert(KEY.to_owned(), Bytes::from_static(b"zero"));
    replicas[1].fault("load", KEY, SLOW);
    primary.mend();
    assert_eq!(asked(ReadPurpose::Content, storage.load(KEY)).await.unwrap(), "zero");
}

#[tokio::test]
async fn a_primary_or_replica_that_says_nothing_is_not_waited_for() {
    let (primary, replicas, storage) = filled().await;
    primary.fault("", "", Fault::Hangs);
    replicas[0].fault("", "", Fault::Hangs);
    for purpose in [ReadPurpose::Consult, ReadPurpose::Content] {
        assert_eq!(asked(purpose, storage.load(KEY)).await.unwrap(), "zero");
    }
    let listed = asked(ReadPurpose::Consult, storage.list(ListRequest::below("agents/"))).await.unwrap();
    assert_eq!(listed.objects.len(), 2);
    replicas[1].fault("", "", Fault::Hangs);
    let error = asked(ReadPurpose::Content, storage.load(KEY)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TIMEOUT);
}

#[tokio::test]
async fn a_request_asks_the_primary_again_after_a_while() {
    let (primary, replicas, storage) = filled().await;
    let request = Request::with_id("a whole run of an agent");
    let load = || request.clone().scope(ReadPurpose::Consult.scope(storage.load(KEY)));
    primary.place.down(true);
    load().await.unwrap();
    primary.place.down(false);
    primary.place.take_calls();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    replicas.iter().for_each(|replica| replica.place.down(true));
    load().await.unwrap();
    assert_eq!(primary.place.take_calls(), [format!("load {KEY}")]);
}

#[tokio::test]
async fn a_process_that_only_reads_believes_no_replica_of_another_store() {
    let (primary, replicas, _) = filled().await;
    let stranger = Faulty::default();
    stranger.place.objects().insert(MARKER.to_owned(), Bytes::from_static(b"store two"));
    stranger.place.objects().insert(KEY.to_owned(), Bytes::from_static(b"of another"));
    let content = ReadPurpose::Content;
    // It saw the marker before.
    let reader = open(&primary, &[&stranger, &replicas[0]]).await;
    asked(ReadPurpose::Consult, reader.load(MARKER)).await.unwrap();
    primary.place.down(true);
    assert_eq!(asked(content, reader.load(KEY)).await.unwrap(), "zero");
    // It did not: nobody knows which is right.
    let reader = open(&primary, &[&stranger, &replicas[0]]).await;
    assert_eq!(asked(content, reader.load(KEY)).await.unwrap_err().code(), ErrorCode::UNAVAILABLE);
    let reader = open(&primary, &[&replicas[1], &replicas[0]]).await;
    assert_eq!(asked(content, reader.load(KEY)).await.unwrap(), "zero");
}

#[tokio::test]
async fn that_something_is_not_there_takes_the_word_of_every_replica() {
    let (primary, replicas, storage) = filled().await;
    replicas[0].place.objects().remove(OTHER);
    primary.place.down(true);
    replicas[1].place.down(true);
    let consult = ReadPurpose::Consult;
    assert_eq!(asked(consult, storage.load(OTHER)).await.unwrap_err().code(), ErrorCode::UNAVAILABLE);
    assert_eq!(asked(consult, storage.load(KEY)).await.unwrap(), "zero");
    replicas[1].place.down(false);
    assert_eq!(asked(consult, storage.load(OTHER)).await.unwrap(), "one");
    replicas[1].place.objects().remove(OTHER);
    assert_eq!(asked(consult, storage.load(OTHER)).await.unwrap_err().code(), ErrorCode::NOT_FOUND);
}

#[tokio::test]
async fn empty_replicas_do_not_say_that_there_is_no_store() {
    let (primary, replicas, _) = filled().await;
    for replica in &replicas {
        replica.place.objects().clear();
    }
    primary.place.down(true);
    let reader = open(&primary, &[&replicas[0], &replicas[1]]).await;
    let marker = asked(ReadPurpose::Consult, reader.load(MARKER)).await;
    assert_eq!(marker.unwrap_err().code(), ErrorCode::UNAVAILABLE);
}

#[tokio::test]
async fn a_listing_comes_from_a_replica_that_is_not_known_to_be_behind() {
    let (primary, replicas, storage) = filled().await;
    replicas[0].place.full(true);
    storage.save_if_absent("agents/a/s/d/2", Bytes::from_static(b"two")).await.unwrap();
    primary.place.down(true);
    let listed = asked(ReadPurpose::Consult, storage.list(ListRequest::below("agents/"))).await.unwrap();
    assert_eq!(listed.objects.len(), 3);
}

#[tokio::test]
async fn a_replica_that_is_not_read_is_warned_about_once() {
    let (primary, replicas, _) = filled().await;
    let new = Faulty::default();
    let reader = open(&primary, &[&new, &replicas[0], &replicas[1]]).await;
    asked(ReadPurpose::Consult, reader.load(MARKER)).await.unwrap();
    primary.place.down(true);
    replicas[1].place.down(true);
    let (logged, _guard) = Logged::listen();
    replicas[0].place.objects().remove(OTHER);
    for told in [2, 0] {
        for _ in 0..5 {
            asked(ReadPurpose::Content, reader.load(KEY)).await.unwrap();
            asked(ReadPurpose::Content, reader.load(OTHER)).await.unwrap_err();
        }
        assert_eq!(logged.take(Level::WARN, "the replica is not read").len(), told);
    }
    // One that was read again and then is not is news.
    replicas[1].place.down(false);
    asked(ReadPurpose::Content, reader.load(OTHER)).await.unwrap();
    replicas[1].place.down(true);
    asked(ReadPurpose::Content, reader.load(OTHER)).await.unwrap_err();
    let told = logged.take(Level::WARN, "the replica is not read");
    assert!(told.len() == 1 && told[0].contains("replicas[2]"), "{told:?}");
}
