//! Labels of a snapshot change without the snapshot changing, and what was decided holds for every reader.

use std::collections::BTreeMap;

use persist_host::{DeleteTarget, ErrorKind, SaveRequest, SnapshotInfo, Store};

use crate::support::*;

fn changes(changes: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    changes.iter().map(|(name, value)| ((*name).to_owned(), value.map(ToOwned::to_owned))).collect()
}

/// The labels of a snapshot in one line.
fn labels(info: &SnapshotInfo) -> String {
    info.labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

async fn save_labelled(store: &Store, name: &str, step: usize, born: &[(&str, &str)]) {
    let mut request = SaveRequest::new(session(name), state(step));
    request.labels = born.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    store.save(request).await.unwrap();
}

fn manifests(adapter: &Faulty) -> usize {
    adapter.keys().iter().filter(|key| key.contains("/m/")).count()
}

#[tokio::test]
async fn changes_add_up_and_every_reader_sees_them() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save_labelled(&store, "a/s", 0, &[("kind", "plan"), ("keep", "")]).await;
    save_labelled(&store, "a/s", 1, &[]).await;
    let info = store.label(&reference("a/s@0"), changes(&[("kind", Some("trip")), ("x", Some("1"))])).await;
    assert_eq!(labels(&info.unwrap()), "keep= kind=trip x=1");
    let info = store.label(&reference("a/s@0"), changes(&[("keep", None), ("y", None)])).await.unwrap();
    assert_eq!(labels(&info), "kind=trip x=1");
    // Without an index, the newest one is meant.
    let info = store.label(&reference("a/s"), changes(&[("z", Some("2"))])).await.unwrap();
    assert_eq!((info.snapshot_index, labels(&info)), (index(1), "z=2".to_owned()));
    for reader in [&store, &adapter.store()] {
        let shown = reader.show(&reference("a/s@0")).await.unwrap();
        let listed = list_results(reader, "a/s").await;
        let restored = reader.restore(&reference("a/s@0")).await.unwrap();
        assert_eq!(restored.state, state(0));
        for info in [&shown, listed[0].as_ref().unwrap(), &restored.info] {
            assert_eq!(labels(info), "kind=trip x=1");
        }
    }
    assert!(verify(&store, "a/s").await.iter().all(|row| row.error.is_none()));
}

#[tokio::test]
async fn what_holds_already_is_not_written_again() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save_labelled(&store, "a/s", 0, &[("kind", "plan")]).await;
    store.label(&reference("a/s@0"), changes(&[("kind", Some("plan")), ("none", None)])).await.unwrap();
    assert_eq!(manifests(&adapter), 0);
    store.label(&reference("a/s@0"), changes(&[("kind", None)])).await.unwrap();
    store.label(&reference("a/s@0"), changes(&[("kind", None)])).await.unwrap();
    assert_eq!(manifests(&adapter), 1);
    // Back to what the snapshot was born with: nothing of the change is left in the manifest.
    let info = store.label(&reference("a/s@0"), changes(&[("kind", Some("plan"))])).await.unwrap();
    assert_eq!((labels(&info), manifests(&adapter)), ("kind=plan".to_owned(), 2));
    let sizes: Vec<usize> = {
        let shelf = adapter.shelf();
        let manifests = shelf.objects.iter().filter(|(key, _)| key.contains("/m/"));
        manifests.map(|(_, object)| object.len()).collect()
    };
    assert!(sizes[1] < sizes[0], "{sizes:?}");
}

#[tokio::test]
async fn only_live_snapshots_are_labelled() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..2 {
        save(&store, "a/s", step).await.unwrap();
    }
    store.delete(&session("a/s"), &DeleteTarget::Indices([index(0)].into())).await.unwrap();
    let before = adapter.keys();
    for (text, code) in
        [("a/s@0", "snapshot_deleted"), ("a/s@2", "snapshot_not_found"), ("a/nobody", "session_not_found")]
    {
        let error = store.label(&reference(text), changes(&[("k", Some("v"))])).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, code), "{text}");
    }
    assert_eq!(adapter.keys(), before);
}

#[tokio::test]
async fn labels_follow_a_rewritten_snapshot_and_go_with_a_collected_one() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..4 {
        save(&store, "a/s", step).await.unwrap();
        store.label(&reference(&format!("a/s@{step}")), changes(&[("k", Some("v"))])).await.unwrap();
    }
    store.delete(&session("a/s"), &DeleteTarget::Indices([index(1)].into())).await.unwrap();
    store.compact(&session("a/s")).await.unwrap();
    let store = adapter.store();
    let info = store.label(&reference("a/s@2"), changes(&[("l", Some("w"))])).await.unwrap();
    assert_eq!(labels(&info), "k=v l=w");
    assert_eq!(restore(&store, "a/s@2").await.unwrap(), state(2));
    store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    store.collect(&session("a/s")).await.unwrap();
    let next = save(&store, "a/s", 7).await.unwrap();
    assert_eq!(labels(&next), "");
}

#[tokio::test]
async fn an_outcome_that_was_lost_is_read_back() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostReply]);
    let info = store.label(&reference("a/s@0"), changes(&[("k", Some("v"))])).await.unwrap();
    assert_eq!((labels(&info), manifests(&adapter)), ("k=v".to_owned(), 1));
    adapter.fail_creates(&[Fault::Refused]);
    store.label(&reference("a/s@0"), changes(&[("k", Some("w"))])).await.unwrap_err();
    assert_eq!(labels(&store.show(&reference("a/s@0")).await.unwrap()), "k=v");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_all_hold() {
    let adapter = Faulty::default();
    save(&adapter.store(), "a/s", 0).await.unwrap();
    let labelling = (0..16).map(|number| {
        let store = adapter.store();
        tokio::spawn(async move {
            let name = format!("k{number:02}");
            store.label(&reference("a/s@0"), changes(&[(&name, Some("v"))])).await.unwrap()
        })
    });
    for change in labelling.collect::<Vec<_>>() {
        change.await.unwrap();
    }
    assert_eq!(adapter.store().show(&reference("a/s@0")).await.unwrap().labels.len(), 16);
    assert_eq!(manifests(&adapter), 16);
}

#[tokio::test]
async fn changes_without_end_are_refused() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    let long = "v".repeat(1 << 20);
    let error = store.label(&reference("a/s@0"), changes(&[("k", Some(&long))])).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "too_many_labels"));
    assert_eq!(manifests(&adapter), 0);
}
