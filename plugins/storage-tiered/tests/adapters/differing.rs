//! What becomes of objects of which primary and replica, or remote and cache, hold different ones.

use futures_util::TryStreamExt as _;
use persist_host::{DeleteTarget, Depth, RefPattern, SnapshotIndex};
use persist_plugin_api::{Bytes, StorageAdapter as _};
use persist_storage_tiered::{ReplicatedConfig, ReplicatedStorage, TieredConfig, TieredStorage};
use tracing::Level;

use crate::logged::Logged;
use crate::store::{replicated, restore, save, session, state, tiered};
use crate::support::Place;

fn record(number: u64) -> String {
    format!("agents/a/s/d/{number:010}")
}

/// A primary and a replica with three snapshots.
async fn filled() -> (Place, Place) {
    let (primary, replica) = (Place::default(), Place::default());
    let writer = replicated(&primary, &replica).await;
    for step in 0..3 {
        save(&writer, step).await.unwrap();
    }
    assert_eq!(*primary.objects(), *replica.objects());
    (primary, replica)
}

fn object(place: &Place, key: &str) -> Bytes {
    place.objects().get(key).cloned().unwrap()
}

/// An object with one bit changed.
fn changed(object: &Bytes) -> Bytes {
    let mut changed = object.to_vec();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    changed.push(0);
    changed.into()
}

#[tokio::test]
async fn an_object_that_is_damaged_in_the_primary_damages_no_replica() {
    for damage in [|_: &Bytes| Bytes::new(), |whole: &Bytes| whole.slice(..whole.len() / 2), changed] {
        let (primary, replica) = filled().await;
        let whole = object(&replica, &record(1));
        primary.objects().insert(record(1), damage(&whole));
        // Nobody has read it by then.
        save(&replicated(&primary, &replica).await, 3).await.unwrap();
        assert_eq!(object(&replica, &record(1)), whole);
        // It can be brought back.
        let alone = replicated(&replica, &Place::default()).await;
        let rows: Vec<_> = alone.verify(&RefPattern::default(), Depth::Data).try_collect().await.unwrap();
        assert!(rows.len() == 4 && rows.iter().all(|row| row.error.is_none()));
    }
}

#[tokio::test]
async fn a_primary_that_was_set_back_replaces_no_snapshot_of_the_replica() {
    let (primary, replica) = filled().await;
    let before = replica.objects().clone();
    primary.objects().remove(&record(2));
    save(&replicated(&primary, &Place::default()).await, 77).await.unwrap();
    assert_ne!(primary.objects().get(&record(2)), before.get(&record(2)));
    save(&replicated(&primary, &replica).await, 3).await.unwrap();
    for (key, copy) in &before {
        assert_eq!(replica.objects().get(key), Some(copy), "{key}");
    }
    assert!(replica.keys().contains(&record(3)));
}

#[tokio::test]
async fn an_object_that_is_damaged_in_the_replica_is_replaced() {
    let (primary, replica) = filled().await;
    let whole = object(&primary, &record(1));
    for damaged in [Bytes::new(), whole.slice(..50), changed(&whole)] {
        replica.objects().insert(record(1), damaged);
        let number = primary.keys().len();
        save(&replicated(&primary, &replica).await, number).await.unwrap();
        assert_eq!(object(&replica, &record(1)), whole);
    }
}

#[tokio::test]
async fn marks_take_the_place_of_their_snapshots_in_a_replica_that_was_down() {
    let (primary, replica) = filled().await;
    let first = DeleteTarget::Indices([SnapshotIndex::new(0).unwrap()].into());
    let whole = object(&primary, &record(0));
    replica.down(true);
    let writer = replicated(&primary, &replica).await;
    writer.delete(&session(), &first).await.unwrap();
    writer.compact(&session()).await.unwrap();
    let mark = object(&primary, &record(0));
    assert_ne!(mark, whole);
    replica.down(false);
    save(&replicated(&primary, &replica).await, 3).await.unwrap();
    assert_eq!(object(&replica, &record(0)), mark);
    // The other way round, the snapshot is no better than the mark.
    primary.objects().insert(record(0), whole);
    save(&replicated(&primary, &replica).await, 4).await.unwrap();
    assert_eq!(object(&replica, &record(0)), mark);
}

#[tokio::test]
async fn a_replacement_that_was_missed_and_damaged_since_replaces_nothing() {
    let (primary, replica) = filled().await;
    let open = || ReplicatedStorage::open(ReplicatedConfig::new(primary.part(), vec![replica.part()]));
    let storage = open().await.unwrap();
    let (one, two) = (object(&primary, &record(0)), object(&primary, &record(1)));
    for (damaged, expected) in [(true, &one), (false, &two)] {
        replica.full(true);
        storage.save(&record(0), two.clone()).await.unwrap();
        replica.full(false);
        if damaged {
            primary.objects().insert(record(0), two.slice(..two.len() - 1));
        }
        storage.save_if_absent(&format!("agents/a/t/d/{damaged}"), Bytes::new()).await.unwrap();
        assert_eq!(object(&replica, &record(0)), expected, "{damaged}");
    }
}

#[tokio::test]
async fn the_only_whole_copy_outlives_a_look_at_the_damaged_object() {
    for damage in [|_: &Bytes| Bytes::new(), |whole: &Bytes| whole.slice(..whole.len() / 2), changed] {
        let (cache, remote) = (Place::default(), Place::default());
        let store = tiered(&cache, &remote).await;
        save(&store, 0).await.unwrap();
        let damaged = damage(&object(&remote, &record(0)));
        remote.objects().insert(record(0), damaged);
        let copies = cache.objects().clone();
        let (logged, _guard) = Logged::listen();
        for _ in 0..2 {
            let verified = store.verify(&RefPattern::default(), Depth::Objects).try_collect::<Vec<_>>();
            assert!(verified.await.unwrap()[0].error.is_some());
        }
        assert_eq!(logged.take(Level::ERROR, "the copy stays").len(), 1);
        assert_eq!(*cache.objects(), copies);
        assert_eq!(restore(&tiered(&cache, &remote).await, "a/s").await.unwrap(), state(0));
        // A copy that is damaged as well is nothing to keep.
        cache.objects().values_mut().for_each(|copy| *copy = changed(copy));
        let verified = store.verify(&RefPattern::default(), Depth::Objects).try_collect::<Vec<_>>();
        verified.await.unwrap();
        assert!(cache.keys().is_empty() || restore(&store, "a/s").await.is_err());
    }
}

#[tokio::test]
async fn a_copy_whose_snapshot_was_compacted_elsewhere_goes_without_a_warning() {
    let (cache, remote) = (Place::default(), Place::default());
    let store = tiered(&cache, &remote).await;
    for step in 0..3 {
        save(&store, step).await.unwrap();
    }
    let copies = cache.keys().len();
    let elsewhere = tiered(&Place::default(), &remote).await;
    let first = DeleteTarget::Indices([SnapshotIndex::new(0).unwrap()].into());
    elsewhere.delete(&session(), &first).await.unwrap();
    elsewhere.compact(&session()).await.unwrap();
    let (logged, _guard) = Logged::listen();
    let storage = TieredStorage::open(TieredConfig::new(cache.part(), remote.part())).await.unwrap();
    storage.load("persist-store.json").await.unwrap();
    storage.load(&record(0)).await.unwrap();
    assert_eq!(cache.keys().len(), copies - 1);
    assert_eq!(logged.take(Level::WARN, ""), [""; 0]);
}
