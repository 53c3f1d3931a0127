//! Deletion is a decision: final, all or nothing, and its indices are never used again.

use std::collections::BTreeSet;

use persist_host::{DeleteTarget, ErrorKind};

use crate::support::*;

fn these(numbers: &[u64]) -> DeleteTarget {
    DeleteTarget::Indices(numbers.iter().map(|number| index(*number)).collect::<BTreeSet<_>>())
}

#[tokio::test]
async fn deleted_snapshots_are_gone_and_their_indices_stay_used() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..4 {
        save(&store, "a/s", step).await.unwrap();
    }
    let deleted = store.delete(&session("a/s"), &these(&[1, 3])).await.unwrap();
    assert_eq!(deleted.deleted, [index(1), index(3)]);
    for reader in [&store, &adapter.store()] {
        assert_eq!(restore(reader, "a/s@3").await.unwrap_err().code(), "snapshot_deleted");
        assert_eq!(reader.show(&reference("a/s@1")).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(list(reader, "").await, ["a/s@0", "a/s@2"]);
        assert_eq!(restore(reader, "a/s").await.unwrap(), state(2));
        assert_eq!(verify(reader, "").await.len(), 2);
    }
    let next = save(&store, "a/s", 9).await.unwrap();
    assert_eq!((next.snapshot_index, next.parent_index), (index(4), Some(index(2))));
    let again = store.delete(&session("a/s"), &these(&[1, 2])).await.unwrap();
    assert_eq!((again.deleted, again.already_deleted), (vec![index(2)], vec![index(1)]));
}

#[tokio::test]
async fn everything_can_be_deleted_and_the_session_goes_on() {
    let store = Faulty::default().store();
    for step in 0..3 {
        save(&store, "a/s", step).await.unwrap();
    }
    assert_eq!(store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap().deleted.len(), 3);
    assert_eq!(restore(&store, "a/s").await.unwrap_err().code(), "session_not_found");
    assert!(list(&store, "").await.is_empty());
    let next = save(&store, "a/s", 3).await.unwrap();
    assert_eq!((next.snapshot_index, next.parent_index), (index(3), None));
}

#[tokio::test]
async fn a_deletion_that_names_what_was_never_written_deletes_nothing() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    let before = adapter.keys();
    let error = store.delete(&session("a/s"), &these(&[0, 1])).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "snapshot_not_found"));
    let error = store.delete(&session("a/nobody"), &DeleteTarget::All).await.unwrap_err();
    assert_eq!(error.code(), "session_not_found");
    assert_eq!(adapter.keys(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_deletions_all_hold() {
    let adapter = Faulty::default();
    for step in 0..16 {
        save(&adapter.store(), "a/s", step).await.unwrap();
    }
    let deletions = (0..16).map(|number| {
        let store = adapter.store();
        tokio::spawn(async move { store.delete(&session("a/s"), &these(&[number])).await.unwrap() })
    });
    for deletion in deletions.collect::<Vec<_>>() {
        assert_eq!(deletion.await.unwrap().deleted.len(), 1);
    }
    assert!(list(&adapter.store(), "").await.is_empty());
    let manifests = adapter.keys().into_iter().filter(|key| key.contains("/m/")).count();
    assert_eq!(manifests, 16, "each decision is a manifest of its own");
}

#[tokio::test]
async fn a_deletion_whose_reply_was_lost_is_read_back() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostReply]);
    assert_eq!(store.delete(&session("a/s"), &these(&[0])).await.unwrap().deleted.len(), 1);
    assert_eq!(adapter.keys().iter().filter(|key| key.contains("/m/")).count(), 1);
}
