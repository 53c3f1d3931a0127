//! Statistics add up to what lies in the store.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _};
use persist_host::{DeleteTarget, ErrorKind, SaveRequest, SessionRef, Store, StoreOptions};

use crate::support::*;

/// The number and length of the objects below a prefix.
fn objects(adapter: &Faulty, prefix: &str) -> (u64, u64) {
    let shelf = adapter.shelf();
    let sizes: Vec<u64> = shelf
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix))
        .map(|(_, object)| object.len() as u64)
        .collect();
    (sizes.len() as u64, sizes.iter().sum())
}

/// A state of which most is the one before.
fn grown(step: u64) -> String {
    let lines: Vec<String> = (0..=step).map(|at| format!("\"line {at} {}\"", at * 7919 % 1000)).collect();
    format!("{{\"pad\":\"{}\",\"lines\":[{}]}}", "p".repeat(4000), lines.join(","))
}

async fn grow(store: &Store, steps: std::ops::Range<u64>) {
    for step in steps {
        store.save(SaveRequest::new(session("a/s"), grown(step))).await.unwrap();
    }
}

#[tokio::test]
async fn they_follow_a_session_through_its_life() {
    let adapter = Faulty::default();
    // Uncompressed: the tests' codec would make most of these states disappear.
    let store = Store::new(StoreOptions { codec_name: None, ..adapter.options() });
    let name = session("a/s");
    grow(&store, 0..6).await;
    save(&store, "a/s2", 0).await.unwrap();
    let stats = store.stats(&name).await.unwrap();
    assert_eq!((stats.snapshots, stats.segments), (6, 1));
    assert_eq!(stats.raw_bytes, (0..6).map(|step| grown(step).len() as u64).sum::<u64>());
    assert_eq!((stats.objects, stats.stored_bytes), objects(&adapter, "agents/a/s/"));
    assert_eq!((stats.deleted_snapshots, stats.unreadable), (0, 0));

    // Deleted: no longer counted as snapshots, and still taking their bytes.
    store.delete(&name, &DeleteTarget::Indices([index(1), index(2)].into())).await.unwrap();
    store.label(&reference("a/s@0"), BTreeMap::from([("k".to_owned(), Some("v".to_owned()))])).await.unwrap();
    let stats = store.stats(&name).await.unwrap();
    assert_eq!((stats.snapshots, stats.deleted_snapshots), (4, 2));
    let deleted =
        objects(&adapter, "agents/a/s/d/0000000001").1 + objects(&adapter, "agents/a/s/d/0000000002").1;
    assert_eq!(stats.deleted_bytes, deleted);
    assert_eq!((stats.objects, stats.stored_bytes), objects(&adapter, "agents/a/s/"));

    // Compacted: what was deleted is gone, the others lie in a generation.
    store.compact(&name).await.unwrap();
    let stats = adapter.store().stats(&name).await.unwrap();
    assert_eq!((stats.snapshots, stats.deleted_snapshots, stats.deleted_bytes), (4, 0, 0));
    assert_eq!((stats.segments, stats.unreadable), (1, 0));
    assert_eq!((stats.objects, stats.stored_bytes), objects(&adapter, "agents/a/s/"));
    grow(&store, 6..7).await;
    assert_eq!(store.stats(&name).await.unwrap().segments, 2);

    // A deleted snapshot that was rewritten before still takes space, until it is collected.
    store.delete(&name, &DeleteTarget::Indices([index(3)].into())).await.unwrap();
    assert_eq!(store.stats(&name).await.unwrap().deleted_snapshots, 1);
    store.delete(&name, &DeleteTarget::All).await.unwrap();
    assert_eq!(store.stats(&name).await.unwrap().snapshots, 0);
    store.collect(&name).await.unwrap();
    let stats = store.stats(&name).await.unwrap();
    assert_eq!((stats.deleted_snapshots, stats.raw_bytes, stats.segments), (0, 0, 0));
    assert_eq!((stats.objects, stats.stored_bytes), objects(&adapter, "agents/a/s/"));
}

#[tokio::test]
async fn damage_is_counted_and_hides_nothing_else() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..4 {
        save(&store, "a/s", step).await.unwrap();
    }
    adapter.shelf().objects.remove("agents/a/s/d/0000000001");
    adapter.shelf().objects.insert("agents/a/s/d/0000000002".to_owned(), "rubbish".into());
    let stats = store.stats(&session("a/s")).await.unwrap();
    assert_eq!((stats.snapshots, stats.unreadable, stats.objects), (2, 2, 3));
    adapter.fail_loads(&[Fault::Unreachable]);
    let cold = adapter.store();
    assert_eq!(cold.stats(&session("a/s")).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn sessions_are_found_whatever_is_left_of_them() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for name in ["a/s", "a/t", "b/s"] {
        save(&store, name, 0).await.unwrap();
    }
    store.delete(&session("a/t"), &DeleteTarget::All).await.unwrap();
    let found = |text: &'static str| {
        let store = &store;
        async move { store.sessions(&pattern(text)).try_collect::<Vec<SessionRef>>().await.unwrap() }
    };
    assert_eq!(found("").await, ["a/s", "a/t", "b/s"].map(session));
    assert_eq!(found("a").await, ["a/s", "a/t"].map(session));
    assert_eq!(found("c/s").await, [session("c/s")]);
    assert_eq!(store.stats(&session("c/s")).await.unwrap().objects, 0);
}

#[tokio::test]
async fn the_first_rows_come_before_other_sessions_are_looked_at() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for number in 0..40 {
        save(&store, &format!("a/s{number:02}"), 0).await.unwrap();
    }
    let cold = adapter.store();
    adapter.shelf().requests.clear();
    let whole = pattern("");
    let mut rows = std::pin::pin!(cold.list(&whole));
    let first = rows.next().await.unwrap().unwrap();
    assert_eq!(first.session(), session("a/s00"));
    // The agents, the first sessions, and of the first one its snapshots and manifests.
    assert_eq!(adapter.shelf().requests["list"], 4);
    // The rest comes in pages that join without a gap.
    assert_eq!(rows.count().await, 39);
}
