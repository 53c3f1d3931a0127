//! The primary decides, replicas follow, and reads that decide nothing survive the primary.

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, ReadPurpose, StorageAdapter as _};
use persist_storage_tiered::{ReplicatedConfig, ReplicatedStorage};

use crate::store::{replicated, save};
use crate::support::{MARKER, Place, asked};

fn record(number: u64) -> String {
    format!("agents/a/s/d/{number:010}")
}

async fn open(primary: &Place, replicas: &[&Place]) -> ReplicatedStorage {
    let replicas = replicas.iter().map(|replica| replica.part()).collect();
    ReplicatedStorage::open(ReplicatedConfig::new(primary.part(), replicas)).await.unwrap()
}

/// A store of two objects with two replicas.
async fn filled() -> (Place, [Place; 2], ReplicatedStorage) {
    let (primary, replicas) = (Place::default(), [Place::default(), Place::default()]);
    let storage = open(&primary, &[&replicas[0], &replicas[1]]).await;
    storage.save_if_absent(MARKER, Bytes::from_static(b"store one")).await.unwrap();
    storage.save_if_absent(&record(0), Bytes::from_static(b"zero")).await.unwrap();
    (primary, replicas, storage)
}

/// The object of a snapshot.
async fn snapshot() -> Bytes {
    let place = Place::default();
    save(&replicated(&place, &Place::default()).await, 0).await.unwrap();
    place.objects().get(&record(0)).cloned().unwrap()
}

fn same(one: &Place, other: &Place) -> bool {
    *one.objects() == *other.objects()
}

#[tokio::test]
async fn what_the_primary_confirmed_is_in_every_replica() {
    let (primary, replicas, storage) = filled().await;
    storage.save(&record(0), Bytes::from_static(b"a stub")).await.unwrap();
    storage.save_if_absent(&record(1), Bytes::from_static(b"one")).await.unwrap();
    storage.delete(&record(1)).await.unwrap();
    assert_eq!(primary.keys(), [record(0), MARKER.to_owned()]);
    assert!(replicas.iter().all(|replica| same(replica, &primary)));
    // What was refused goes nowhere.
    let error = storage.save_if_absent(&record(0), Bytes::from_static(b"other")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS);
    assert!(replicas.iter().all(|replica| same(replica, &primary)));
}

#[tokio::test]
async fn a_commit_is_never_decided_by_a_replica() {
    let (primary, replicas, storage) = filled().await;
    // Reads of a save: no replica is asked, whatever it holds.
    for replica in &replicas {
        replica.objects().insert(record(1), Bytes::from_static(b"stray"));
        replica.take_calls();
    }
    assert!(!asked(ReadPurpose::Decide, storage.exists(&record(1))).await.unwrap());
    storage.load(&record(0)).await.unwrap();
    storage.list(ListRequest::below("agents/")).await.unwrap();
    storage.capabilities().await.unwrap();
    assert!(replicas.iter().all(|replica| replica.take_calls().is_empty()));
    // Nor is it hindered by what a replica has, which stays there.
    storage.save_if_absent(&record(1), Bytes::from_static(b"one")).await.unwrap();
    assert_eq!(primary.objects().get(&record(1)).unwrap(), "one");
    assert!(replicas.iter().all(|replica| replica.objects().get(&record(1)).unwrap() == "stray"));
    // Without the primary, nothing is decided.
    primary.down(true);
    for purpose in [ReadPurpose::Decide, ReadPurpose::Content] {
        let error = asked(purpose, storage.save_if_absent(&record(2), Bytes::new())).await.unwrap_err();
        assert_eq!((error.code(), error.is_not_applied()), (ErrorCode::UNAVAILABLE, true));
        asked(purpose, storage.save(&record(2), Bytes::new())).await.unwrap_err();
        asked(purpose, storage.delete(&record(0))).await.unwrap_err();
        asked(purpose, storage.capabilities()).await.unwrap_err();
    }
    let decide = ReadPurpose::Decide;
    assert_eq!(asked(decide, storage.load(&record(0))).await.unwrap_err().code(), ErrorCode::UNAVAILABLE);
    asked(decide, storage.exists(&record(0))).await.unwrap_err();
    asked(decide, storage.list(ListRequest::below("agents/"))).await.unwrap_err();
    assert!(replicas.iter().all(|replica| replica.keys().contains(&record(0))));
}

#[tokio::test]
async fn without_the_primary_what_decides_nothing_is_read_from_the_replicas() {
    let (primary, replicas, storage) = filled().await;
    storage.save_if_absent(&record(1), Bytes::from_static(b"one")).await.unwrap();
    // The first replica missed the newest.
    replicas[0].objects().remove(&record(1));
    primary.down(true);
    for purpose in [ReadPurpose::Consult, ReadPurpose::Content] {
        assert_eq!(asked(purpose, storage.load(&record(0))).await.unwrap(), "zero");
        assert_eq!(asked(purpose, storage.load(&record(1))).await.unwrap(), "one");
        assert_eq!(asked(purpose, storage.load_range(&record(1), 1..9)).await.unwrap(), "ne");
        assert!(asked(purpose, storage.exists(&record(1))).await.unwrap());
        assert_eq!(asked(purpose, storage.stat(&record(1))).await.unwrap().size, 3);
    }
    // Where nothing follows, a history ends; where contents lack, nobody knows.
    let absent = |purpose| asked(purpose, storage.load("agents/a/s/m/0000000001"));
    assert_eq!(absent(ReadPurpose::Consult).await.unwrap_err().code(), ErrorCode::NOT_FOUND);
    assert_eq!(absent(ReadPurpose::Content).await.unwrap_err().code(), ErrorCode::UNAVAILABLE);
    assert!(!asked(ReadPurpose::Consult, storage.exists(&record(7))).await.unwrap());
    // One request asks the primary once.
    primary.take_calls();
    asked(ReadPurpose::Consult, async {
        for _ in 0..3 {
            storage.load(&record(0)).await.unwrap();
        }
    })
    .await;
    assert_eq!(primary.take_calls().len(), 1);
    // And the next one asks it again.
    primary.down(false);
    replicas.iter().for_each(|replica| replica.down(true));
    assert_eq!(asked(ReadPurpose::Consult, storage.load(&record(1))).await.unwrap(), "one");
    primary.down(true);
    let error = asked(ReadPurpose::Content, storage.load(&record(1))).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE);
}

#[tokio::test]
async fn an_answer_of_the_primary_is_final() {
    let (primary, replicas, storage) = filled().await;
    primary.objects().remove(&record(0));
    replicas.iter().for_each(|replica| drop(replica.take_calls()));
    for purpose in [ReadPurpose::Consult, ReadPurpose::Content] {
        let error = asked(purpose, storage.load(&record(0))).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NOT_FOUND);
        assert!(!asked(purpose, storage.exists(&record(0))).await.unwrap());
    }
    assert!(replicas.iter().all(|replica| replica.take_calls().is_empty()));
}

#[tokio::test]
async fn a_listing_goes_on_where_it_began() {
    let (primary, _, storage) = filled().await;
    for number in 1..5 {
        storage.save_if_absent(&record(number), Bytes::new()).await.unwrap();
    }
    let request = ListRequest::below("agents/").limit(2);
    let first = asked(ReadPurpose::Consult, storage.list(request.clone())).await.unwrap();
    primary.down(true);
    let next = request.clone().continued(first.next);
    asked(ReadPurpose::Consult, storage.list(next)).await.unwrap_err();
    // One that begins now ends at the replica, and the primary that is back does not come between.
    let mut keys = Vec::new();
    let mut request = request;
    loop {
        let page = asked(ReadPurpose::Consult, storage.list(request.clone())).await.unwrap();
        primary.down(false);
        keys.extend(page.objects.into_iter().map(|object| object.key));
        if page.next.is_none() {
            break;
        }
        request = request.continued(page.next);
    }
    assert_eq!(keys, (0..5).map(record).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_replica_that_was_down_is_caught_up_by_the_next_write() {
    let (primary, replicas, storage) = filled().await;
    replicas[0].down(true);
    for number in 1..4 {
        storage.save_if_absent(&record(number), Bytes::from_static(b"x")).await.unwrap();
    }
    storage.delete(&record(1)).await.unwrap();
    assert!(same(&replicas[1], &primary));
    replicas[0].down(false);
    assert_eq!(replicas[0].keys().len(), 2);
    // A write to any session makes up for them all.
    storage.save_if_absent("agents/a/t/d/0000000000", Bytes::from_static(b"x")).await.unwrap();
    assert!(same(&replicas[0], &primary));
}

#[tokio::test]
async fn another_process_compares_a_session_before_it_goes_on() {
    let (primary, replicas, storage) = filled().await;
    storage.save_if_absent(&record(1), Bytes::from_static(b"one")).await.unwrap();
    {
        let mut objects = replicas[0].objects();
        objects.remove(&record(0));
        objects.insert(record(1), Bytes::from_static(b"\x89PSO, and cut off"));
        objects.insert(record(5), Bytes::from_static(b"beyond what is in the primary"));
        objects.insert("agents/a/other/d/0000000000".to_owned(), Bytes::from_static(b"untouched"));
    }
    let whole = snapshot().await;
    primary.objects().insert(record(1), whole.clone());
    replicas[1].objects().insert(record(1), whole);
    let other = open(&primary, &[&replicas[0], &replicas[1]]).await;
    other.save_if_absent(&record(2), Bytes::from_static(b"two")).await.unwrap();
    assert!(replicas[0].objects().remove("agents/a/other/d/0000000000").is_some());
    assert!(replicas[0].objects().remove(&record(5)).is_some(), "a listing is no evidence");
    for replica in &replicas {
        assert!(same(replica, &primary), "{:?} {:?}", replica.keys(), primary.keys());
    }
    // Once is enough.
    primary.take_calls();
    other.save_if_absent(&record(3), Bytes::from_static(b"three")).await.unwrap();
    assert_eq!(primary.take_calls(), [format!("save_if_absent {}", record(3))]);
}

#[tokio::test]
async fn what_the_primary_left_open_is_settled_by_what_it_holds() {
    let (primary, replicas, storage) = filled().await;
    primary.loses_replies(true);
    storage.save_if_absent(&record(1), Bytes::from_static(b"one")).await.unwrap_err();
    storage.delete(&record(0)).await.unwrap_err();
    primary.loses_replies(false);
    assert_eq!(replicas[0].keys(), [record(0), MARKER.to_owned()], "nothing is written on a guess");
    storage.save_if_absent(&record(2), Bytes::from_static(b"two")).await.unwrap();
    assert!(replicas.iter().all(|replica| same(replica, &primary)));
}

#[tokio::test]
async fn a_replica_that_is_full_fails_no_save() {
    let (primary, replicas, storage) = filled().await;
    replicas.iter().for_each(|replica| replica.full(true));
    storage.save_if_absent(&record(1), Bytes::from_static(b"one")).await.unwrap();
    assert!(primary.keys().contains(&record(1)));
    replicas.iter().for_each(|replica| replica.full(false));
    storage.save_if_absent(&record(2), Bytes::from_static(b"two")).await.unwrap();
    assert!(replicas.iter().all(|replica| same(replica, &primary)));
}

#[tokio::test]
async fn a_replica_of_another_store_is_neither_written_to_nor_read() {
    let (primary, stranger) = (Place::default(), Place::default());
    stranger.objects().insert(MARKER.to_owned(), Bytes::from_static(b"store two"));
    stranger.objects().insert(record(0), Bytes::from_static(b"the last copy of something"));
    let before = stranger.objects().clone();
    // As after the loss of a primary, with an empty one in its place.
    let storage = open(&primary, &[&stranger]).await;
    storage.save_if_absent(MARKER, Bytes::from_static(b"store one")).await.unwrap();
    storage.save_if_absent(&record(0), Bytes::from_static(b"zero")).await.unwrap();
    storage.delete(&record(0)).await.unwrap();
    assert_eq!(*stranger.objects(), before);
    primary.down(true);
    asked(ReadPurpose::Content, storage.load(&record(0))).await.unwrap_err();
}

#[tokio::test]
async fn a_new_replica_begins_with_the_marker_and_the_session_that_is_written_to() {
    let (primary, _, storage) = filled().await;
    storage.save_if_absent("agents/a/t/d/0000000000", Bytes::from_static(b"x")).await.unwrap();
    let fresh = Place::default();
    let storage = open(&primary, &[&fresh]).await;
    storage.save_if_absent(&record(1), Bytes::from_static(b"one")).await.unwrap();
    assert_eq!(fresh.keys(), [record(0), record(1), MARKER.to_owned()]);
}

#[tokio::test]
async fn options_that_cannot_be_are_refused_by_name() {
    let place = Place::default();
    let config = |count| ReplicatedConfig::new(place.part(), vec![place.part(); count]);
    for (config, name) in [
        (config(0), "replicas holds 0"),
        (config(9), "replicas holds 9"),
        (config(1).replica_timeout(0), "replica_timeout = 0"),
        (config(1).failover_after(100_000), "failover_after = 100000"),
    ] {
        let error = ReplicatedStorage::open(config).await.err().unwrap();
        assert_eq!(error.code(), ErrorCode::CONFIG);
        assert!(error.message().contains(name), "{error}");
    }
}
