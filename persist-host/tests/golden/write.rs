//! What the golden store of this release holds.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use persist_host::format::{Generations, IndexSet, Manifest, WriteId};
use persist_host::{DeleteTarget, RefPattern, SessionRef, SnapshotIndex, SnapshotInfo, Store, Tuning, key};
use serde_json::{Value, json};

use super::directory::Directory;
use super::request;

/// The sessions of the store.
pub(crate) const SESSIONS: [&str; 6] = [
    "planner/open",
    "planner/plain",
    "planner/labelled",
    "planner/rewritten",
    "planner/passed",
    "planner/begun-anew",
];

/// Saves, deletes, collects and compacts; returns what is there and what was deleted.
pub(crate) async fn write(directory: &Directory) -> (Vec<Value>, Vec<Value>) {
    let packed = directory.store(Some("gzip"));
    let mut deleted = Vec::new();
    // Deltas alone.
    grow(&packed, "planner/open", 0..10).await;
    deleted.extend(delete(&packed, "planner/open", 3..4).await);
    grow(&directory.store(None), "planner/plain", 0..6).await;
    // Labels that a manifest adds, changes and removes.
    grow(&packed, "planner/labelled", 0..2).await;
    let labels = [("kept", Some("yes")), ("step", None)];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
    let manifest = Manifest {
        write_id: WriteId::random(),
        seq: 1,
        session: session("planner/labelled"),
        boundary: 0,
        deleted: IndexSet::new(),
        gone: IndexSet::new(),
        generations: Generations::default(),
        labels: BTreeMap::from([(index(1), BTreeMap::from(labels))]),
    };
    let path = directory.path(&key::manifest_key(&session("planner/labelled"), 1));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, manifest.encode().unwrap()).unwrap();
    // A seal, stubs and two generations, with deltas before and after.
    grow(&packed, "planner/rewritten", 0..9).await;
    deleted.extend(delete(&packed, "planner/rewritten", 2..4).await);
    packed.compact(&session("planner/rewritten")).await.unwrap();
    grow(&packed, "planner/rewritten", 9..13).await;
    deleted.extend(delete(&packed, "planner/rewritten", 5..6).await);
    deleted.extend(delete(&packed, "planner/rewritten", 10..11).await);
    packed.compact(&session("planner/rewritten")).await.unwrap();
    grow(&packed, "planner/rewritten", 13..15).await;
    // A boundary, and stubs behind it of snapshots that are nowhere any more.
    let mut options = directory.options(Some("gzip"));
    options.tuning = Tuning::default();
    options.tuning.segment_records = 3;
    let short = Store::new(options);
    grow(&short, "planner/passed", 0..12).await;
    deleted.extend(delete(&short, "planner/passed", 0..3).await);
    deleted.extend(delete(&short, "planner/passed", 6..9).await);
    short.collect(&session("planner/passed")).await.unwrap();
    // A seal behind a session of which nothing is left, and what came after it.
    grow(&packed, "planner/begun-anew", 0..2).await;
    deleted.extend(delete(&packed, "planner/begun-anew", 0..2).await);
    packed.collect(&session("planner/begun-anew")).await.unwrap();
    grow(&packed, "planner/begun-anew", 2..4).await;
    let rows: Vec<SnapshotInfo> = packed.list(&RefPattern::default()).try_collect().await.unwrap();
    let rows = rows.iter().map(|info| {
        let mut row = serde_json::to_value(info).unwrap();
        // The rest says how and where it is stored, which a later release may change.
        for name in ["storage", "stored_bytes", "format_version"] {
            row.as_object_mut().unwrap().remove(name);
        }
        row
    });
    (rows.collect(), deleted)
}

/// A state of which most is the one before.
pub(crate) fn continued(before: &[u8], step: u64) -> Vec<u8> {
    let before = std::str::from_utf8(before).unwrap();
    let (open, close) = before.rsplit_once(']').unwrap();
    format!("{open}, {{\"role\": \"user\", \"content\": \"and then, in step {step}?\"}}]{close}").into_bytes()
}

fn state(step: u64) -> String {
    let places = ["Lisbon", "Porto", "Coimbra", "Évora", "Faro", "Braga", "Sintra"];
    let lines: Vec<String> = (0..=step)
        .map(|at| {
            let place = places[(at * 5 + at / 7) as usize % places.len()];
            format!("  \"day {at}: {place}, {} km\"", (at + 3) * 7919 % 613)
        })
        .collect();
    let notes = places.map(|place| format!("{place}: a room with a view, not too far from the station. "));
    let notes: Vec<String> = (0..4).map(|at| format!("{at}. {}", notes.concat())).collect();
    format!("{{\"notes\":\"{}\",\"step\":{step},\"days\":[\n{}\n]}}", notes.concat(), lines.join(",\n"))
}

async fn grow(store: &Store, name: &str, steps: std::ops::Range<u64>) {
    for step in steps {
        let mut request = request(name, state(step));
        request.labels.insert("step".to_owned(), step.to_string());
        store.save(request).await.unwrap();
    }
}

async fn delete(store: &Store, name: &str, indices: std::ops::Range<u64>) -> Vec<Value> {
    let session = session(name);
    let target = DeleteTarget::Indices(indices.clone().map(index).collect());
    store.delete(&session, &target).await.unwrap();
    let row = |index: u64| json!({ "agent_id": session.agent, "session_id": session.session, "snapshot_index": index });
    indices.map(row).collect()
}

fn session(name: &str) -> SessionRef {
    name.parse().unwrap()
}

fn index(number: u64) -> SnapshotIndex {
    SnapshotIndex::new(number).unwrap()
}
