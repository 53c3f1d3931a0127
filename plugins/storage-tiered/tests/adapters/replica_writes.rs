//! What replicas hold after a primary lost its contents, after writes that failed in part, and after writes at once.

use std::sync::Arc;
use std::time::Duration;

use persist_plugin_api::{Bytes, StorageAdapter as _};
use persist_storage_tiered::{ReplicatedConfig, ReplicatedStorage};
use tokio::sync::Semaphore;

use crate::faulty::{Fault, Faulty};
use crate::support::MARKER;

fn key(name: &str) -> String {
    format!("agents/a/s/{name}")
}

async fn open(primary: &Faulty, replica: &Faulty) -> ReplicatedStorage {
    let config = ReplicatedConfig::new(primary.part(), vec![replica.part()]);
    ReplicatedStorage::open(config.replica_timeout(1).failover_after(1)).await.unwrap()
}

/// A store of two objects and its replica.
async fn filled() -> (Faulty, Faulty, ReplicatedStorage) {
    let (primary, replica) = (Faulty::default(), Faulty::default());
    let storage = open(&primary, &replica).await;
    create(&storage, MARKER, "store one").await;
    create(&storage, &key("d/0"), "zero").await;
    create(&storage, &key("d/1"), "one").await;
    (primary, replica, storage)
}

async fn create(storage: &ReplicatedStorage, key: &str, data: &'static str) {
    storage.save_if_absent(key, Bytes::from_static(data.as_bytes())).await.unwrap();
}

fn same(one: &Faulty, other: &Faulty) -> bool {
    *one.place.objects() == *other.place.objects()
}

#[tokio::test]
async fn a_primary_that_lost_its_contents_takes_nothing_from_the_replica() {
    let (primary, replica, _) = filled().await;
    for what in ["create", "replace", "delete"] {
        // The process knows the replica as this store's, and has not compared the session.
        let running = open(&primary, &replica).await;
        create(&running, &format!("agents/a/{what}/d/0"), "x").await;
        let whole = primary.place.objects().clone();
        let before = replica.place.objects().clone();
        primary.place.objects().clear();
        match what {
            "create" => create(&running, &key("d/0"), "another zero").await,
            "replace" => running.save(&key("d/0"), Bytes::from_static(b"a stub")).await.unwrap(),
            _ => running.delete(&key("d/0")).await.unwrap(),
        }
        create(&running, &key("d/2"), "two").await;
        running.delete(&key("d/1")).await.unwrap();
        assert_eq!(*replica.place.objects(), before, "{what}");
        *primary.place.objects() = whole;
    }
}

#[tokio::test]
async fn what_a_primary_creates_again_after_a_rollback_does_not_replace_the_copy() {
    let (primary, replica, _) = filled().await;
    let running = open(&primary, &replica).await;
    create(&running, "agents/a/t/d/0", "x").await;
    primary.place.objects().remove(&key("d/1"));
    create(&running, &key("d/1"), "another one").await;
    create(&running, &key("d/2"), "two").await;
    assert_eq!(replica.place.objects().get(&key("d/1")).unwrap(), "one");
    assert_eq!(replica.place.objects().get(&key("d/2")).unwrap(), "two");
}

#[tokio::test]
async fn an_object_that_fails_holds_up_no_other_and_what_rests_on_it_waits() {
    let (primary, replica, storage) = filled().await;
    replica.fault("save", &key("g/1"), Fault::Refused);
    create(&storage, &key("g/1"), "the other form of one").await;
    replica.place.full(true);
    create(&storage, &key("g/2"), "missed").await;
    replica.place.full(false);
    // What stands for the object that did not arrive takes its place in the primary alone.
    storage.save(&key("d/1"), Bytes::from_static(b"a stub")).await.unwrap();
    storage.delete(&key("d/0")).await.unwrap();
    create(&storage, "agents/a/t/d/0", "x").await;
    {
        let objects = replica.place.objects();
        assert_eq!(objects.get(&key("d/1")).unwrap(), "one");
        assert_eq!(objects.get(&key("d/0")).unwrap(), "zero");
        assert!(objects.contains_key(&key("g/2")) && objects.contains_key("agents/a/t/d/0"));
    }
    // So does a process that knows nothing of it.
    let other = open(&primary, &replica).await;
    other.save(&key("d/1"), Bytes::from_static(b"a stub still")).await.unwrap();
    assert_eq!(replica.place.objects().get(&key("d/1")).unwrap(), "one");
    replica.mend();
    create(&storage, &key("d/2"), "two").await;
    assert!(same(&primary, &replica), "{:?}", replica.place.keys());
}

#[tokio::test]
async fn a_large_object_has_the_time_that_its_size_takes() {
    let (primary, replica, storage) = filled().await;
    replica.fault("load", &key("d/2"), Fault::Slow(Duration::from_millis(1500)));
    storage.save_if_absent(&key("d/2"), Bytes::from(vec![7; 4_000_000])).await.unwrap();
    replica.mend();
    // Nothing is left to be done.
    primary.place.take_calls();
    create(&storage, &key("d/3"), "three").await;
    assert_eq!(primary.place.take_calls(), [format!("save_if_absent {}", key("d/3"))]);
    assert!(same(&primary, &replica));
}

#[tokio::test]
async fn a_write_that_was_given_up_is_settled_by_a_later_one() {
    let (primary, replica, storage) = filled().await;
    primary.fault("save", &key("d/2"), Fault::Held(Arc::new(Semaphore::new(0))));
    primary.fault("delete", &key("d/0"), Fault::Held(Arc::new(Semaphore::new(0))));
    let soon = Duration::from_millis(20);
    tokio::time::timeout(soon, storage.save_if_absent(&key("d/2"), Bytes::new())).await.unwrap_err();
    tokio::time::timeout(soon, storage.delete(&key("d/0"))).await.unwrap_err();
    primary.mend();
    create(&storage, &key("d/3"), "three").await;
    assert!(same(&primary, &replica), "{:?}", replica.place.keys());
}

#[tokio::test]
async fn what_is_replaced_while_it_is_made_up_for_does_not_come_back() {
    let (primary, replica, storage) = filled().await;
    replica.place.full(true);
    create(&storage, &key("d/2"), "two").await;
    replica.place.full(false);
    // One write has read the missed object from the primary, when another one replaces it there.
    let gate = Arc::new(Semaphore::new(0));
    primary.fault("load", &key("d/2"), Fault::Held(Arc::clone(&gate)));
    let making_up = storage.save_if_absent("agents/a/t/d/0", Bytes::new());
    let replacing = async {
        while !primary.place.take_calls().contains(&format!("load {}", key("d/2"))) {
            tokio::task::yield_now().await;
        }
        let d2 = key("d/2");
        let replaced = storage.save(&d2, Bytes::from_static(b"a stub"));
        let opening = async {
            while !primary.place.take_calls().contains(&format!("save {}", key("d/2"))) {
                tokio::task::yield_now().await;
            }
            gate.add_permits(9);
        };
        tokio::join!(replaced, opening).0
    };
    let (made_up, replaced) = tokio::join!(making_up, replacing);
    made_up.unwrap();
    replaced.unwrap();
    assert_eq!(replica.place.objects().get(&key("d/2")).unwrap(), "a stub");
}

#[tokio::test]
async fn a_replica_that_does_not_answer_is_not_asked_by_every_write() {
    let (primary, replica, storage) = filled().await;
    replica.fault("", "", Fault::Hangs);
    create(&storage, &key("d/2"), "two").await;
    replica.place.take_calls();
    create(&storage, &key("d/3"), "three").await;
    storage.delete(&key("d/3")).await.unwrap();
    assert_eq!(replica.place.take_calls(), [""; 0]);
    assert_eq!(primary.place.keys().len(), 4);
}
