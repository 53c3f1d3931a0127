//! Collecting and compacting: what is deleted goes, what is kept stays.

use persist_host::{Collected, DeleteTarget, ErrorKind, SaveRequest, Store, StoreOptions};

use crate::support::{Faulty, index, list, reference, restore, session, verify};

/// A text that only one step's state holds, and that shares nothing with those of other steps.
fn mark(step: u64) -> String {
    let mut seed = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letters = (0..40).map(|_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (seed >> 33) as u8 % 26)
    });
    letters.collect()
}

/// A state of which most is the one before, with one text that only it holds.
fn grown(step: u64) -> String {
    let lines: Vec<String> = (0..=step).map(|at| format!("\"line {at} {}\"", at * 7919 % 1000)).collect();
    format!("{{\"own\":\"{}\",\"pad\":\"{}\",\"lines\":[{}]}}", mark(step), "p".repeat(8000), lines.join(","))
}

/// Stores that keep states readable, so that a search of the raw objects finds what is there.
fn plain(adapter: &Faulty) -> Store {
    Store::new(StoreOptions { codec_name: None, ..adapter.options() })
}

async fn grow(store: &Store, name: &str, steps: std::ops::Range<u64>) {
    for step in steps {
        store.save(SaveRequest::new(session(name), grown(step))).await.unwrap();
    }
}

async fn delete(store: &Store, name: &str, indices: impl IntoIterator<Item = u64>) {
    let target = DeleteTarget::Indices(indices.into_iter().map(index).collect());
    store.delete(&session(name), &target).await.unwrap();
}

/// Whether any stored object holds the text of a step.
fn holds(adapter: &Faulty, step: u64) -> bool {
    let text = mark(step);
    let shelf = adapter.shelf();
    shelf.objects.values().any(|object| object.windows(text.len()).any(|window| window == text.as_bytes()))
}

async fn all_restore(store: &Store, name: &str, kept: impl IntoIterator<Item = u64>) {
    for step in kept {
        assert_eq!(restore(store, &format!("{name}@{step}")).await.unwrap(), grown(step));
    }
    // A damaged record of a deleted snapshot is a row of its own, without an index.
    let rows = verify(store, name).await;
    assert!(
        rows.iter().filter(|row| row.snapshot_index.is_some()).all(|row| row.error.is_none()),
        "{rows:?}"
    );
}

#[tokio::test]
async fn sessions_are_stored_as_deltas_and_read_by_few_objects() {
    let adapter = Faulty::default();
    let store = plain(&adapter);
    grow(&store, "a/s", 0..60).await;
    let raw: usize = (0..60).map(|step| grown(step).len()).sum();
    let stored: usize = adapter.shelf().objects.values().map(bytes::Bytes::len).sum();
    assert!(stored * 2 < raw, "{stored} bytes for {raw}");
    let cold = plain(&adapter);
    for step in [0, 1, 17, 40, 59] {
        let before = adapter.shelf().requests["load"];
        assert_eq!(restore(&cold, &format!("a/s@{step}")).await.unwrap(), grown(step));
        let loads = adapter.shelf().requests["load"] - before;
        assert!(loads <= 18, "{loads} reads for snapshot {step}");
    }
    // A process that knows nothing of the session goes on with deltas.
    let before: usize = adapter.shelf().objects.values().map(bytes::Bytes::len).sum();
    grow(&cold, "a/s", 60..61).await;
    let after: usize = adapter.shelf().objects.values().map(bytes::Bytes::len).sum();
    assert!(after - before < 500, "{} bytes for one line", after - before);
    all_restore(&adapter.store(), "a/s", 0..61).await;
}

#[tokio::test]
async fn a_whole_deleted_session_leaves_no_content() {
    let adapter = Faulty::default();
    let store = plain(&adapter);
    grow(&store, "a/s", 0..20).await;
    store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    assert!(holds(&adapter, 7));
    let collected = store.collect(&session("a/s")).await.unwrap();
    assert!(collected.freed_bytes > 1000 && collected.left == 0, "{collected:?}");
    assert!(!holds(&adapter, 7) && !holds(&adapter, 19));
    assert_eq!(list(&store, "a/s").await, Vec::<String>::new());
    assert_eq!(restore(&store, "a/s").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(restore(&store, "a/s@3").await.unwrap_err().code(), "snapshot_deleted");
    let again = store.collect(&session("a/s")).await.unwrap();
    assert_eq!((again.freed_bytes, again.freed_objects), (0, 0));
    // The session goes on where it ended, behind the seal.
    let saved = store.save(SaveRequest::new(session("a/s"), grown(3))).await.unwrap();
    assert_eq!(saved.snapshot_index, index(21));
    assert_eq!(restore(&adapter.store(), "a/s").await.unwrap(), grown(3));
}

#[tokio::test]
async fn compaction_erases_a_snapshot_that_others_are_built_on() {
    let adapter = Faulty::default();
    let store = plain(&adapter);
    grow(&store, "a/s", 0..30).await;
    delete(&store, "a/s", [0, 5, 11]).await;
    let collected = store.collect(&session("a/s")).await.unwrap();
    assert_eq!(collected.left, 3);
    assert!(holds(&adapter, 5));
    let Collected { rewritten, left, .. } = store.compact(&session("a/s")).await.unwrap();
    assert_eq!((rewritten, left), (27, 0));
    for step in [0, 5, 11] {
        assert!(!holds(&adapter, step), "{step}");
    }
    let kept = || (1..30).filter(|step| ![5, 11].contains(step));
    all_restore(&adapter.store(), "a/s", kept()).await;
    // Writing goes on, and so does erasing.
    grow(&store, "a/s", 31..40).await;
    assert_eq!(restore(&store, "a/s").await.unwrap(), grown(39));
    delete(&store, "a/s", [2, 29]).await;
    store.compact(&session("a/s")).await.unwrap();
    assert!(!holds(&adapter, 2) && !holds(&adapter, 29));
    all_restore(&adapter.store(), "a/s", kept().filter(|step| ![2, 29].contains(step))).await;
}

#[tokio::test]
async fn old_snapshots_are_freed_while_newer_segments_stay() {
    let adapter = Faulty::default();
    let mut options = StoreOptions { codec_name: None, ..adapter.options() };
    options.tuning.segment_records = 8;
    let store = Store::new(options);
    grow(&store, "a/s", 0..40).await;
    delete(&store, "a/s", (0..20).chain(24..32)).await;
    let collected = store.collect(&session("a/s")).await.unwrap();
    assert_eq!(collected.left, 4, "{collected:?}");
    let keys = adapter.keys();
    assert!(!keys.iter().any(|key| key.ends_with("d/0000000015")));
    assert!(keys.iter().any(|key| key.ends_with("d/0000000016")));
    assert!(!holds(&adapter, 26) && holds(&adapter, 17));
    all_restore(&adapter.store(), "a/s", (20..24).chain(32..40)).await;
    assert_eq!(list(&store, "a/s").await.len(), 12);
    let info = store.show(&reference("a/s@21")).await.unwrap();
    assert_eq!(info.snapshot_index, index(21));
}

/// A store of five segments of eight snapshots each.
async fn five_segments(adapter: &Faulty) -> Store {
    let mut options = StoreOptions { codec_name: None, ..adapter.options() };
    options.tuning.segment_records = 8;
    let store = Store::new(options);
    grow(&store, "a/s", 0..40).await;
    store
}

fn spoil(adapter: &Faulty, at: u64) {
    let key = format!("agents/a/s/d/{at:010}");
    let mut shelf = adapter.shelf();
    let object = shelf.objects.get_mut(&key).unwrap();
    let mut bytes = object.to_vec();
    bytes[50] ^= 1;
    *object = bytes.into();
}

#[tokio::test]
async fn a_damaged_record_keeps_its_segment_and_no_other() {
    let adapter = Faulty::default();
    let store = five_segments(&adapter).await;
    delete(&store, "a/s", 0..32).await;
    spoil(&adapter, 11);
    let before = adapter.shelf().objects.clone();
    let collected = store.collect(&session("a/s")).await.unwrap();
    assert_eq!((collected.unreadable, collected.left), (1, 8), "{collected:?}");
    assert!(collected.freed_bytes > 0);
    for step in (0..8).chain(16..32) {
        assert!(!holds(&adapter, step), "{step}");
    }
    for step in 8..16 {
        let key = format!("agents/a/s/d/{step:010}");
        assert_eq!(adapter.shelf().objects.get(&key), before.get(&key), "{step}");
    }
    all_restore(&adapter.store(), "a/s", 32..40).await;
    // It is met every time, and what was done before is not done again.
    let again = store.collect(&session("a/s")).await.unwrap();
    assert_eq!((again.freed_objects, again.unreadable, again.left), (0, 1, 8));
    // Once it is back, nothing stands in the way.
    let key = "agents/a/s/d/0000000011";
    let intact = {
        let mut bytes = before[key].to_vec();
        bytes[50] ^= 1;
        bytes
    };
    adapter.shelf().objects.insert(key.to_owned(), intact.into());
    let collected = store.collect(&session("a/s")).await.unwrap();
    assert_eq!((collected.unreadable, collected.left), (0, 0));
    assert!(!holds(&adapter, 11));
}

#[tokio::test]
async fn a_damaged_start_keeps_the_segments_on_both_sides() {
    let adapter = Faulty::default();
    let store = five_segments(&adapter).await;
    delete(&store, "a/s", 0..32).await;
    // Where the third segment starts: nobody knows any more that the second one ends there.
    spoil(&adapter, 16);
    let collected = store.collect(&session("a/s")).await.unwrap();
    assert_eq!((collected.unreadable, collected.left), (1, 16), "{collected:?}");
    for step in (0..8).chain(24..32) {
        assert!(!holds(&adapter, step), "{step}");
    }
    assert!(holds(&adapter, 9) && holds(&adapter, 20));
    all_restore(&adapter.store(), "a/s", 32..40).await;
}

#[tokio::test]
async fn a_lost_first_record_is_not_passed() {
    let adapter = Faulty::default();
    let store = five_segments(&adapter).await;
    delete(&store, "a/s", 0..32).await;
    adapter.shelf().objects.remove("agents/a/s/d/0000000000");
    let collected = store.collect(&session("a/s")).await.unwrap();
    assert_eq!((collected.unreadable, collected.left), (1, 8), "{collected:?}");
    assert!(adapter.keys().iter().any(|key| key.ends_with("d/0000000001")));
    assert!(!holds(&adapter, 9) && !holds(&adapter, 31));
    all_restore(&adapter.store(), "a/s", 32..40).await;
}

#[tokio::test]
async fn compaction_goes_on_beside_damage_and_says_what_it_left() {
    let adapter = Faulty::default();
    let store = five_segments(&adapter).await;
    delete(&store, "a/s", [3, 9, 20, 36]).await;
    spoil(&adapter, 10);
    let compacted = store.compact(&session("a/s")).await.unwrap();
    assert_eq!((compacted.unreadable, compacted.left), (1, 1), "{compacted:?}");
    assert!(holds(&adapter, 9), "the segment of the damaged record stays as it is");
    for step in [3, 20, 36] {
        assert!(!holds(&adapter, step), "{step}");
    }
    for step in (0..40).filter(|step| ![3, 9, 10, 11, 12, 13, 14, 15, 20, 36].contains(step)) {
        assert_eq!(restore(&adapter.store(), &format!("a/s@{step}")).await.unwrap(), grown(step));
    }
}

#[tokio::test]
async fn rewritten_snapshots_that_are_deleted_later_are_freed() {
    let adapter = Faulty::default();
    let store = five_segments(&adapter).await;
    delete(&store, "a/s", [20]).await;
    store.compact(&session("a/s")).await.unwrap();
    delete(&store, "a/s", 16..24).await;
    let rewritten = || adapter.keys().iter().filter(|key| key.contains("/g/")).count();
    assert_eq!(rewritten(), 7);
    let collected = store.collect(&session("a/s")).await.unwrap();
    assert_eq!(collected.left, 0, "{collected:?}");
    assert!(collected.freed_bytes > 0 && rewritten() == 0);
    all_restore(&adapter.store(), "a/s", (0..16).chain(24..40)).await;
}

#[tokio::test]
async fn without_its_rewritten_form_the_old_one_stays() {
    let adapter = Faulty::default();
    let store = five_segments(&adapter).await;
    delete(&store, "a/s", [20]).await;
    let old = adapter.shelf().objects["agents/a/s/d/0000000021"].clone();
    store.compact(&session("a/s")).await.unwrap();
    // As after a crash between the decision and the sweep, with the rewritten object lost.
    let key = "agents/a/s/d/0000000021";
    adapter.shelf().objects.insert(key.to_owned(), old.clone());
    adapter.shelf().objects.retain(|key, _| !(key.contains("/g/") && key.ends_with("/0000000021")));
    let collected = store.collect(&session("a/s")).await.unwrap();
    assert_eq!(collected.unreadable, 1);
    assert_eq!(adapter.shelf().objects[key], old);
}
