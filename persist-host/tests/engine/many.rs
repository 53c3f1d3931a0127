//! Many snapshots of a session are given back like each by itself, and what they share is read once.

use bytes::Bytes;
use persist_host::{DeleteTarget, ErrorKind, SaveRequest, SnapshotIndex, Store};

use crate::support::*;

const SNAPSHOTS: u64 = 60;

/// A state that grows, so that each is stored as what it adds.
fn growing(step: u64) -> Bytes {
    let entries: Vec<String> = (0..=step * 10).map(|entry| format!("\"entry {entry}\"")).collect();
    format!("[{}]", entries.join(",")).into()
}

async fn session_of(store: &Store) {
    for step in 0..SNAPSHOTS {
        store.save(SaveRequest::new(session("a/s"), growing(step))).await.unwrap();
    }
}

fn descending() -> Vec<SnapshotIndex> {
    (0..SNAPSHOTS).rev().map(index).collect()
}

#[tokio::test]
async fn they_come_as_asked_for_and_cost_few_reads() {
    let adapter = Faulty::default();
    session_of(&adapter.store()).await;
    let store = adapter.store();
    adapter.shelf().requests.clear();
    let restored = store.restore_many(&session("a/s"), &descending()).await.unwrap();
    let loads: usize = adapter.shelf().requests.values().sum();
    // Each object once, the marker, and the decisions.
    assert!(loads as u64 <= SNAPSHOTS + 5, "{loads} requests");
    for (index, one) in descending().into_iter().zip(restored) {
        let one = one.unwrap();
        assert_eq!((one.info.snapshot_index, &one.state), (index, &growing(index.get())));
        assert_eq!(one.info, store.restore(&reference(&format!("a/s@{index}"))).await.unwrap().info);
    }
}

#[tokio::test]
async fn what_is_gone_or_damaged_is_told_in_its_place() {
    let adapter = Faulty::default();
    let store = adapter.store();
    session_of(&store).await;
    let target = DeleteTarget::Indices([index(3), index(40)].into());
    store.delete(&session("a/s"), &target).await.unwrap();
    let key = adapter.keys().into_iter().find(|key| key.ends_with("/d/0000000020")).unwrap();
    let mut object = adapter.shelf().objects[&key].to_vec();
    let middle = object.len() - 40;
    object[middle] ^= 1;
    adapter.shelf().objects.insert(key, object.into());
    let mut asked = descending();
    asked.insert(0, index(SNAPSHOTS + 7));
    let restored = adapter.store().restore_many(&session("a/s"), &asked).await.unwrap();
    let mut damaged = 0;
    for (index, one) in asked.into_iter().zip(restored) {
        let alone = adapter.store().restore(&reference(&format!("a/s@{index}"))).await;
        match (one, alone) {
            (Ok(one), Ok(alone)) => assert_eq!(one.state, alone.state),
            (Err(one), Err(alone)) => {
                assert_eq!((one.kind(), one.code()), (alone.kind(), alone.code()));
                damaged += u64::from(one.kind() == ErrorKind::Integrity);
            }
            (one, alone) => panic!("{index}: {one:?} is not {alone:?}"),
        }
    }
    assert!(damaged > 0);
}

#[tokio::test]
async fn what_was_stored_anew_is_found_where_it_went() {
    let adapter = Faulty::default();
    let store = adapter.store();
    session_of(&store).await;
    let half = (0..SNAPSHOTS).filter(|number| number % 2 == 0).map(index).collect();
    store.delete(&session("a/s"), &DeleteTarget::Indices(half)).await.unwrap();
    store.compact(&session("a/s")).await.unwrap();
    let restored = adapter.store().restore_many(&session("a/s"), &descending()).await.unwrap();
    for (index, one) in descending().into_iter().zip(restored) {
        match one {
            Ok(one) => assert_eq!((index.get() % 2, one.state), (1, growing(index.get()))),
            Err(error) => assert_eq!((index.get() % 2, error.kind()), (0, ErrorKind::NotFound)),
        }
    }
}
