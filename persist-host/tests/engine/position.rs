//! Where a session stands is told at once to every process, for a few requests.

use persist_host::{DeleteTarget, ErrorKind, Position, SnapshotIndex, Store};

use crate::support::*;

async fn position(store: &Store) -> (Option<u64>, u64) {
    let Position { last_index, decision, .. } = store.position(&session("a/s")).await.unwrap();
    (last_index.map(SnapshotIndex::get), decision)
}

#[tokio::test]
async fn what_another_process_did_shows_at_once() {
    let adapter = Faulty::default();
    let (ours, theirs) = (adapter.store(), adapter.store());
    let error = ours.position(&session("a/s")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "store_not_found"));
    save(&ours, "a/other", 0).await.unwrap();
    assert_eq!(position(&ours).await, (None, 0));
    save(&ours, "a/s", 0).await.unwrap();
    assert_eq!(position(&ours).await, (Some(0), 0));
    save(&theirs, "a/s", 1).await.unwrap();
    save(&theirs, "a/s", 2).await.unwrap();
    assert_eq!(position(&ours).await, (Some(2), 0));
    theirs.delete(&session("a/s"), &DeleteTarget::Indices([index(2)].into())).await.unwrap();
    assert_eq!(position(&ours).await, (Some(2), 1));
    theirs.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    theirs.collect(&session("a/s")).await.unwrap();
    assert_eq!(position(&ours).await, position(&theirs).await);
    // What was learned in passing does not keep the next save from its place.
    let saved = save(&ours, "a/s", 3).await.unwrap();
    assert_eq!(position(&theirs).await.0, Some(saved.snapshot_index.get()));
}

#[tokio::test]
async fn asking_again_costs_three_requests_however_long_the_session_is() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..50 {
        save(&store, "a/s", step).await.unwrap();
    }
    position(&store).await;
    adapter.shelf().requests.clear();
    position(&store).await;
    let requests: usize = adapter.shelf().requests.values().sum();
    assert_eq!(requests, 3, "{:?}", adapter.shelf().requests);
}

#[tokio::test]
async fn a_session_that_was_removed_by_hand_is_seen_to_begin_anew() {
    let adapter = Faulty::default();
    let (ours, theirs) = (adapter.store(), adapter.store());
    for step in 0..3 {
        save(&ours, "a/s", step).await.unwrap();
    }
    assert_eq!(position(&ours).await, (Some(2), 0));
    adapter.shelf().objects.retain(|key, _| !key.contains("agents/a/s/"));
    assert_eq!(position(&ours).await, (None, 0));
    save(&theirs, "a/s", 9).await.unwrap();
    assert_eq!(position(&ours).await, (Some(0), 0));
}
