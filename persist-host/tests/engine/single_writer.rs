//! Storage that cannot create atomically: one process writes, and stops where a write was left open.

use persist_host::{AttachRequest, AttachmentName, DeleteTarget, Error, ErrorKind, Store, StoreOptions};

use crate::support::*;

fn alone(adapter: &Faulty) -> Store {
    Store::new(StoreOptions { single_writer: true, ..adapter.options() })
}

fn without_atomic_create() -> Faulty {
    let mut adapter = Faulty::default();
    adapter.capabilities = adapter.capabilities.clone().atomic_create(false);
    adapter
}

async fn attach(store: &Store) -> Result<(), Error> {
    let request = AttachRequest::new(reference("a/s@0"), AttachmentName::parse("w").unwrap(), "1");
    store.attach(request).await.map(drop)
}

#[tokio::test]
async fn a_write_that_is_found_to_have_landed_stops_nothing() {
    let adapter = without_atomic_create();
    let store = alone(&adapter);
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostReply]);
    assert_eq!(save(&store, "a/s", 1).await.unwrap().snapshot_index, index(1));
    adapter.fail_creates(&[Fault::Refused]);
    assert_eq!(save(&store, "a/s", 2).await.unwrap_err().code(), "no_space");
    assert_eq!(save(&store, "a/s", 2).await.unwrap().snapshot_index, index(2));
    store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    store.compact(&session("a/s")).await.unwrap();
}

#[tokio::test]
async fn a_write_that_is_left_open_stops_all_writing() {
    let adapter = without_atomic_create();
    let store = alone(&adapter);
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostRequest]);
    let error = save(&store, "a/s", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    let before = adapter.keys();
    let writes = |adapter: &Faulty| adapter.shelf().requests["save"];
    let sent = writes(&adapter);
    let every = session("a/s");
    for refused in [
        save(&store, "a/s", 1).await.map(drop),
        save(&store, "a/other", 1).await.map(drop),
        attach(&store).await,
        store.delete(&every, &DeleteTarget::All).await.map(drop),
        store.collect(&every).await.map(drop),
        store.compact(&every).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "writing_stopped"));
        assert!(error.hint().unwrap().contains("persist verify"));
    }
    assert_eq!((adapter.keys(), writes(&adapter)), (before, sent));
    // Reading goes on, and so does a clone of nothing but the adapter: the store opened anew.
    assert_eq!(restore(&store, "a/s").await.unwrap(), state(0));
    assert!(verify(&store, "").await.iter().all(|row| row.error.is_none()));
    assert_eq!(save(&store.clone(), "a/s", 1).await.unwrap_err().code(), "writing_stopped");
    let anew = alone(&adapter);
    assert_eq!(save(&anew, "a/s", 1).await.unwrap().snapshot_index, index(1));
    attach(&anew).await.unwrap();
}

#[tokio::test]
async fn a_decision_that_is_left_open_stops_all_writing_too() {
    let adapter = without_atomic_create();
    let store = alone(&adapter);
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostRequest]);
    let error = store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::OutcomeUnknown, "decision_outcome_unknown"));
    assert_eq!(save(&store, "a/s", 1).await.unwrap_err().code(), "writing_stopped");
    assert_eq!(store.collect(&session("a/s")).await.unwrap_err().code(), "writing_stopped");
}

#[tokio::test(start_paused = true)]
async fn with_atomic_creation_a_write_that_is_left_open_stops_nothing() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostRequest; 4]);
    assert_eq!(save(&store, "a/s", 1).await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(save(&store, "a/s", 1).await.unwrap().snapshot_index, index(1));
}
