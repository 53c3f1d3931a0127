//! What the engine itself wrote: deltas, and what collections and compactions leave.

use std::collections::BTreeSet;
use std::fs;

use persist_host::format::{ContentHash, RecordObject};
use persist_host::{DeleteTarget, SaveRequest, SnapshotRef, Store, key};

use super::directory::{Directory, restore_py};
use super::{index, session};

/// A state of which most is the one before, with edits in its middle.
fn state(step: u64) -> Vec<u8> {
    let line =
        |at: u64| format!("{{\"at\":{at},\"value\":{}}}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
    let mut lines: Vec<String> = (0..200 + step).map(line).collect();
    for edited in 0..step.min(9) {
        lines[(edited * 37 + step) as usize % 200] = format!("\"edited in step {step}\"");
    }
    format!("[{}]", lines.join(",\n")).into_bytes()
}

fn reference(name: &str, number: Option<u64>) -> SnapshotRef {
    let (agent, name) = name.split_once('/').unwrap();
    SnapshotRef { session: session(agent, name), index: number.map(index) }
}

async fn grow(store: &Store, name: &str, steps: std::ops::Range<u64>) {
    for step in steps {
        store.save(SaveRequest::new(reference(name, None).session, state(step))).await.unwrap();
    }
}

async fn delete(store: &Store, name: &str, numbers: impl IntoIterator<Item = u64>) {
    let target = DeleteTarget::Indices(numbers.into_iter().map(index).collect());
    store.delete(&reference(name, None).session, &target).await.unwrap();
}

/// Python gives back exactly the snapshots of `live`, each with the state of its step.
fn assert_live(directory: &Directory, name: &str, highest: u64, live: impl IntoIterator<Item = (u64, u64)>) {
    let live: Vec<(u64, u64)> = live.into_iter().collect();
    let kept: BTreeSet<u64> = live.iter().map(|(number, _)| *number).collect();
    let mut wanted: Vec<SnapshotRef> =
        live.iter().map(|(number, _)| reference(name, Some(*number))).collect();
    wanted.push(reference(name, None));
    let mut found = directory.read_with_python(&restore_py(), &wanted).into_iter();
    for (number, step) in live.iter().chain(live.last()) {
        let digest = ContentHash::of(&state(*step)).to_string();
        assert_eq!(found.next().unwrap(), Ok(digest), "{name}@{number}");
    }
    assert!(!live.is_empty() || found.next().unwrap().is_err(), "{name} has no newest snapshot");
    let others = (0..=highest + 1).filter(|number| !kept.contains(number));
    let others: Vec<SnapshotRef> = others.map(|number| reference(name, Some(number))).collect();
    for (reference, found) in others.iter().zip(directory.read_with_python(&restore_py(), &others)) {
        assert_eq!(found, Err("Refused: there is no such snapshot".to_owned()), "{reference}");
    }
}

#[tokio::test]
async fn python_restores_deltas() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory { root: root.path().to_owned() };
    for (name, codec) in [("demo/packed", Some("gzip")), ("demo/plain", None)] {
        let store = directory.store(codec);
        grow(&store, name, 0..40).await;
        delete(&store, name, [7, 39]).await;
        let deltas = (0..40).filter(|number| {
            let object = directory.path(&key::snapshot_key(&reference(name, None).session, index(*number)));
            match RecordObject::parse(fs::read(object).unwrap().into()).unwrap() {
                RecordObject::Snapshot(object) => object.header().storage.delta.is_some(),
                RecordObject::Mark(_) => false,
            }
        });
        assert!(deltas.count() >= 30);
        assert_live(&directory, name, 39, (0..39).filter(|number| *number != 7).map(|at| (at, at)));
    }
}

#[tokio::test]
async fn python_restores_what_was_rewritten() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory { root: root.path().to_owned() };
    let mut options = directory.options(Some("gzip"));
    options.tuning.segment_records = 8;
    let store = Store::new(options);
    let name = "demo/kept";
    grow(&store, name, 0..30).await;
    // The first segment goes, the third is erased behind it, the others lose a snapshot each.
    delete(&store, name, (0..8).chain([10]).chain(16..24).chain([26])).await;
    let session = reference(name, None).session;
    store.collect(&session).await.unwrap();
    let kept: Vec<u64> = (8..16).chain(24..30).filter(|number| ![10, 26].contains(number)).collect();
    assert_live(&directory, name, 30, kept.iter().map(|at| (*at, *at)));
    store.compact(&session).await.unwrap();
    assert_live(&directory, name, 30, kept.iter().map(|at| (*at, *at)));
    // The last index went to a seal; the session goes on after it.
    grow(&store, name, 40..43).await;
    assert_live(&directory, name, 33, kept.iter().map(|at| (*at, *at)).chain((31..34).zip(40..43)));
    store.delete(&session, &DeleteTarget::All).await.unwrap();
    store.collect(&session).await.unwrap();
    assert_live(&directory, name, 35, []);
}

#[tokio::test]
async fn python_notices_damage_to_ancestors() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory { root: root.path().to_owned() };
    grow(&directory.store(Some("gzip")), "demo/run", 0..6).await;
    let newest = reference("demo/run", Some(5));
    let path = |number| directory.path(&key::snapshot_key(&newest.session, index(number)));
    let RecordObject::Snapshot(object) = RecordObject::parse(fs::read(path(5)).unwrap().into()).unwrap()
    else {
        panic!("no snapshot")
    };
    let ancestors = object.header().storage.delta.clone().unwrap().ancestors;
    for number in ancestors.iter().map(|ancestor| ancestor.get()).chain([5]) {
        let object = fs::read(path(number)).unwrap();
        for at in (0..object.len()).step_by(97).chain([object.len() - 1]) {
            let mut damaged = object.clone();
            damaged[at] ^= 0x10;
            fs::write(path(number), damaged).unwrap();
            let found = directory.read_with_python(&restore_py(), std::slice::from_ref(&newest));
            assert!(found[0].is_err(), "byte {at} of snapshot {number}");
        }
        fs::remove_file(path(number)).unwrap();
        let found = directory.read_with_python(&restore_py(), std::slice::from_ref(&newest));
        assert!(found[0].is_err(), "snapshot {number} is missing");
        fs::write(path(number), object).unwrap();
    }
    // Another snapshot in the place of an ancestor, every hash in it right.
    let other = tempfile::tempdir().unwrap();
    let other = Directory { root: other.path().to_owned() };
    grow(&other.store(Some("gzip")), "demo/run", 0..1).await;
    let full = ancestors.last().unwrap().get();
    let forged = other.path(&key::snapshot_key(&newest.session, index(0)));
    let original = fs::read(path(full)).unwrap();
    fs::write(path(full), fs::read(forged).unwrap()).unwrap();
    let found = directory.read_with_python(&restore_py(), std::slice::from_ref(&newest));
    assert_eq!(
        found[0],
        Err("Refused: its ancestors are not those that it was stored against".to_owned()),
        "the state is the same, the write id is not"
    );
    fs::write(path(full), original).unwrap();
    let found = directory.read_with_python(&restore_py(), &[newest]);
    assert_eq!(found[0], Ok(ContentHash::of(&state(5)).to_string()));
}
