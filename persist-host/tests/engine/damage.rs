//! Damage: no byte of a store changes unnoticed, and what is damaged is named.

use bytes::Bytes;
use persist_host::{DeleteTarget, ErrorKind};

use crate::support::*;

/// A store of two sessions with a deletion.
async fn store() -> Faulty {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..3 {
        save(&store, "a/s", step).await.unwrap();
    }
    save(&store, "b/t", 0).await.unwrap();
    store.delete(&session("a/s"), &DeleteTarget::Indices([index(1)].into())).await.unwrap();
    adapter
}

fn flipped(object: &Bytes, at: usize) -> Bytes {
    let mut bytes = object.to_vec();
    bytes[at] ^= 0x40;
    bytes.into()
}

#[tokio::test]
async fn every_flipped_byte_of_every_object_is_found_and_named() {
    let adapter = store().await;
    let objects = adapter.shelf().objects.clone();
    for (key, object) in &objects {
        for at in 0..object.len() {
            adapter.shelf().objects.insert(key.clone(), flipped(object, at));
            let store = adapter.store();
            if key == "persist-store.json" {
                let error = restore(&store, "a/s@0").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Integrity, "{key} byte {at}");
            } else {
                let damaged: Vec<_> =
                    verify(&store, "").await.into_iter().filter(|row| row.error.is_some()).collect();
                assert_eq!(damaged.len(), 1, "{key} byte {at}");
                for row in damaged {
                    assert_eq!(row.error.unwrap().kind(), ErrorKind::Integrity, "{key} byte {at}");
                    assert_eq!(&row.key, key, "byte {at}");
                }
            }
        }
        adapter.shelf().objects.insert(key.clone(), object.clone());
    }
    assert!(verify(&adapter.store(), "").await.iter().all(|row| row.error.is_none()));
}

#[tokio::test]
async fn every_truncation_is_found() {
    let adapter = store().await;
    let key = "agents/a/s/d/0000000002";
    let object = adapter.shelf().objects[key].clone();
    for length in 0..object.len() {
        adapter.shelf().objects.insert(key.to_owned(), object.slice(..length));
        let error = restore(&adapter.store(), "a/s@2").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{length} bytes left");
        assert!(error.to_string().contains("a/s@2"), "{error}");
        assert_eq!(error.context()[0], ("key", key.to_owned()));
    }
}

#[tokio::test]
async fn an_object_under_anothers_key_is_found() {
    let adapter = store().await;
    let other = adapter.shelf().objects["agents/b/t/d/0000000000"].clone();
    adapter.shelf().objects.insert("agents/a/s/d/0000000000".to_owned(), other);
    let error = restore(&adapter.store(), "a/s@0").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let error = adapter.store().show(&reference("a/s@0")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_lost_object_is_damage_and_not_an_absence() {
    let adapter = store().await;
    adapter.shelf().objects.remove("agents/a/s/d/0000000000");
    let store = adapter.store();
    assert_eq!(restore(&store, "a/s@0").await.unwrap_err().code(), "object_missing");
    let rows = verify(&store, "a/s").await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].error.as_ref().unwrap().code(), "object_missing");
    assert!(rows[1].error.is_none());
    let listed = list_results(&store, "a/s").await;
    assert!(listed[0].is_err() && listed[1].is_ok(), "the rows after a damaged one still come");
}

#[tokio::test]
async fn a_damaged_newest_record_does_not_stop_the_agent() {
    let adapter = store().await;
    let key = "agents/a/s/d/0000000002";
    let object = adapter.shelf().objects[key].clone();
    adapter.shelf().objects.insert(key.to_owned(), flipped(&object, 20));
    let store = adapter.store();
    assert_eq!(save(&store, "a/s", 3).await.unwrap().snapshot_index, index(3));
    assert_eq!(restore(&store, "a/s").await.unwrap(), state(3));
}

#[tokio::test]
async fn a_backend_that_fails_is_not_reported_as_damage() {
    let adapter = store().await;
    let store = adapter.store();
    assert_eq!(list(&store, "a/s").await.len(), 2);
    adapter.fail_loads(&[Fault::Unreachable]);
    let error = restore(&store, "a/s@0").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "backend_unavailable"));
}

#[tokio::test]
async fn a_snapshot_that_was_replaced_by_a_consistent_one_breaks_the_chain() {
    let adapter = store().await;
    save(&adapter.store(), "b/t", 1).await.unwrap();
    // Another store's snapshot with the same ids and index: every hash in it is right.
    let other = Faulty::default();
    save(&other.store(), "b/t", 77).await.unwrap();
    let key = "agents/b/t/d/0000000000";
    let forged = other.shelf().objects[key].clone();
    adapter.shelf().objects.insert(key.to_owned(), forged);
    let rows = verify(&adapter.store(), "b/t").await;
    assert!(rows[0].error.is_none());
    assert_eq!(rows[1].error.as_ref().unwrap().code(), "chain_broken");
}
