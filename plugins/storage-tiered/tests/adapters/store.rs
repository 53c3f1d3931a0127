//! Whole stores over both adapters: what a restore asks of whom, and what goes on without the primary.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use persist_host::{
    CodecSource, DeleteTarget, Depth, Error, ErrorKind, RefPattern, SaveRequest, SessionRef, SnapshotInfo,
    SnapshotRef, Store, StoreOptions, Tuning,
};
use persist_plugin_api::{DynCompression, DynStorage, StorageAdapter as _};
use persist_storage_tiered::{ReplicatedConfig, ReplicatedStorage, TieredConfig, TieredStorage};

use crate::support::{MARKER, Place};

/// States are stored as they are.
struct NoCodecs;

impl CodecSource for NoCodecs {
    fn codec(&self, name: &str) -> persist_host::Result<Arc<dyn DynCompression>> {
        Err(Error::new(ErrorKind::Plugin, "plugin_missing", format!("no codec {name:?}")))
    }
}

/// A store as a process of its own opens it.
fn store(storage: impl DynStorage + 'static) -> Store {
    Store::new(StoreOptions {
        name: "main".to_owned(),
        storage_name: "composed".to_owned(),
        storage: Arc::new(storage),
        codec_name: None,
        codecs: Arc::new(NoCodecs),
        single_writer: false,
        allow_volatile: false,
        tuning: Tuning::default(),
        observers: Vec::new(),
    })
}

pub(crate) async fn tiered(cache: &Place, remote: &Place) -> Store {
    store(TieredStorage::open(TieredConfig::new(cache.part(), remote.part())).await.unwrap())
}

pub(crate) async fn replicated(primary: &Place, replica: &Place) -> Store {
    let config = ReplicatedConfig::new(primary.part(), vec![replica.part()]);
    store(ReplicatedStorage::open(config).await.unwrap())
}

pub(crate) fn session() -> SessionRef {
    "a/s".parse().unwrap()
}

fn reference(text: &str) -> SnapshotRef {
    text.parse().unwrap()
}

/// A state that grows, so that later ones are stored as what they add.
pub(crate) fn state(step: usize) -> String {
    let entries: Vec<String> = (0..1000 + step * 10).map(|entry| format!("\"entry {entry}\"")).collect();
    format!("[{}]", entries.join(","))
}

pub(crate) async fn save(store: &Store, step: usize) -> persist_host::Result<SnapshotInfo> {
    store.save(SaveRequest::new(session(), state(step))).await
}

pub(crate) async fn restore(store: &Store, text: &str) -> persist_host::Result<String> {
    let restored = store.restore(&reference(text)).await?;
    Ok(String::from_utf8(restored.state.to_vec()).unwrap())
}

/// The calls that read a snapshot's object.
fn objects_read(calls: &[String]) -> usize {
    calls.iter().filter(|call| call.starts_with("load ") && call.contains("/d/")).count()
}

#[tokio::test]
async fn a_second_restore_asks_the_remote_for_decisions_alone() {
    let (cache, remote) = (Place::default(), Place::default());
    // Saved on another machine, with another cache.
    let elsewhere = tiered(&Place::default(), &remote).await;
    for step in 0..3 {
        save(&elsewhere, step).await.unwrap();
    }
    assert_eq!(restore(&tiered(&cache, &remote).await, "a/s").await.unwrap(), state(2));
    assert_eq!(objects_read(&remote.take_calls()), 3, "a cold cache fetches the snapshot and its ancestors");
    let second = tiered(&cache, &remote).await;
    assert_eq!(restore(&second, "a/s").await.unwrap(), state(2));
    let calls = remote.take_calls();
    assert_eq!(objects_read(&calls), 0, "{calls:#?}");
    assert!(calls.len() <= 8, "{calls:#?}");
    assert!(calls.contains(&format!("load {MARKER}")));
    // What others did since is seen.
    save(&elsewhere, 3).await.unwrap();
    assert_eq!(restore(&second, "a/s").await.unwrap(), state(3));
    let newest =
        DeleteTarget::Indices([3_u64].map(|at| persist_host::SnapshotIndex::new(at).unwrap()).into());
    elsewhere.delete(&session(), &newest).await.unwrap();
    assert_eq!(restore(&second, "a/s").await.unwrap(), state(2));
    let error = restore(&second, "a/s@3").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    elsewhere.compact(&session()).await.unwrap();
    assert_eq!(restore(&second, "a/s").await.unwrap(), state(2));
    assert_eq!(restore(&second, "a/s@3").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_cold_cache_keeps_what_is_read_beside_the_decisions() {
    let (cache, remote) = (Place::default(), Place::default());
    let elsewhere = tiered(&Place::default(), &remote).await;
    for step in 0..3 {
        save(&elsewhere, step).await.unwrap();
    }
    // That there is no further decision is known before the ancestors are there.
    remote.snapshots_are_late(true);
    remote.take_calls();
    assert_eq!(restore(&tiered(&cache, &remote).await, "a/s").await.unwrap(), state(2));
    assert_eq!(objects_read(&remote.take_calls()), 3);
    assert_eq!(restore(&tiered(&cache, &remote).await, "a/s").await.unwrap(), state(2));
    assert_eq!(objects_read(&remote.take_calls()), 0, "all was kept");
}

#[tokio::test]
async fn what_was_saved_here_is_restored_from_the_cache() {
    let (cache, remote) = (Place::default(), Place::default());
    save(&tiered(&cache, &remote).await, 0).await.unwrap();
    remote.take_calls();
    assert_eq!(restore(&tiered(&cache, &remote).await, "a/s").await.unwrap(), state(0));
    assert_eq!(objects_read(&remote.take_calls()), 0);
}

#[tokio::test]
async fn verifying_looks_at_the_store_and_not_at_the_cache() {
    let (cache, remote) = (Place::default(), Place::default());
    let store = tiered(&cache, &remote).await;
    save(&store, 0).await.unwrap();
    let key = remote.keys().into_iter().find(|key| key.contains("/d/")).unwrap();
    let whole = remote.objects().insert(key.clone(), "damaged".into()).unwrap();
    assert_eq!(restore(&store, "a/s").await.unwrap(), state(0), "the copy is whole");
    let verify = || store.verify(&RefPattern::default(), Depth::Objects).try_collect::<Vec<_>>();
    assert!(verify().await.unwrap()[0].error.is_some());
    // What is whole elsewhere is believed.
    let other = Place::default();
    save(&tiered(&Place::default(), &other).await, 1).await.unwrap();
    let another = other.objects().get(&key).cloned().unwrap();
    assert_ne!(another, whole);
    remote.objects().insert(key, another);
    verify().await.unwrap();
    assert_eq!(restore(&store, "a/s").await.unwrap(), state(1));
}

#[tokio::test]
async fn a_copy_of_a_damaged_object_does_not_outlive_its_repair() {
    let (cache, remote) = (Place::default(), Place::default());
    save(&tiered(&Place::default(), &remote).await, 0).await.unwrap();
    let key = remote.keys().into_iter().find(|key| key.contains("/d/")).unwrap();
    let whole = remote.objects().insert(key.clone(), "damaged".into()).unwrap();
    assert!(restore(&tiered(&cache, &remote).await, "a/s").await.is_err());
    remote.objects().insert(key, whole);
    assert_eq!(restore(&tiered(&cache, &remote).await, "a/s").await.unwrap(), state(0));
}

#[tokio::test]
async fn a_store_is_restored_without_its_primary_and_not_saved_to() {
    let (primary, replica) = (Place::default(), Place::default());
    let writer = replicated(&primary, &replica).await;
    for step in 0..3 {
        save(&writer, step).await.unwrap();
    }
    primary.down(true);
    // By the process that wrote, and by a new one.
    for store in [&writer, &replicated(&primary, &replica).await] {
        assert_eq!(restore(store, "a/s").await.unwrap(), state(2));
        assert_eq!(restore(store, "a/s@1").await.unwrap(), state(1));
        let listed: Vec<SnapshotInfo> = store.list(&RefPattern::default()).try_collect().await.unwrap();
        assert_eq!(listed.len(), 3);
        assert_eq!(restore(store, "a/s@7").await.unwrap_err().kind(), ErrorKind::Unavailable);
        let before = replica.objects().clone();
        let error = save(store, 3).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        store.delete(&session(), &DeleteTarget::All).await.unwrap_err();
        let verified: Result<Vec<_>, _> =
            store.verify(&RefPattern::default(), Depth::Objects).try_collect().await;
        assert!(verified.is_err());
        assert_eq!(*replica.objects(), before);
    }
    primary.down(false);
    assert_eq!(save(&writer, 3).await.unwrap().snapshot_index.get(), 3);
    assert_eq!(*replica.objects(), *primary.objects());
}

#[tokio::test]
async fn a_replica_that_missed_saves_is_caught_up_and_can_be_promoted() {
    let (primary, replica) = (Place::default(), Place::default());
    let writer = replicated(&primary, &replica).await;
    save(&writer, 0).await.unwrap();
    replica.down(true);
    save(&writer, 1).await.unwrap();
    replica.down(false);
    // A process that knows nothing of what was missed.
    let other = replicated(&primary, &replica).await;
    save(&other, 2).await.unwrap();
    assert_eq!(*replica.objects(), *primary.objects());
    // The primary is lost: the replica takes its place, and goes on with what there is.
    let promoted = replicated(&replica, &Place::default()).await;
    let rows: Vec<_> = promoted.verify(&RefPattern::default(), Depth::Data).try_collect().await.unwrap();
    assert!(rows.len() == 3 && rows.iter().all(|row| row.error.is_none()));
    assert_eq!(save(&promoted, 3).await.unwrap().snapshot_index.get(), 3);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_in_the_primary_and_reaches_the_replica_later() {
    let (primary, replica) = (Place::default(), Place::default());
    let store = replicated(&primary, &replica).await;
    save(&store, 0).await.unwrap();
    primary.loses_replies(true);
    assert_eq!(save(&store, 1).await.unwrap().snapshot_index.get(), 1, "found by reading it back");
    primary.loses_replies(false);
    assert_ne!(*replica.objects(), *primary.objects());
    save(&store, 2).await.unwrap();
    assert_eq!(*replica.objects(), *primary.objects());
}
