//! Corruption: every byte of every object of a store with all kinds of them, changed or cut off, is found, and the
//! snapshots that depend on it are named, all of them and no others.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use persist_host::format::{Manifest, RecordObject};
use persist_host::{DeleteTarget, Depth, ErrorKind, SaveRequest, Store, StoreOptions, VerifyRow, key};

use crate::support::*;

const MARKER: &str = "persist-store.json";

/// A state of which most is the one before.
fn grown(step: u64) -> Bytes {
    let lines: Vec<String> = (0..=step).map(|at| format!("\"line {at} {}\"", at * 7919 % 1000)).collect();
    let pad: Vec<u64> = (0..40).map(|at| at * 7919 % 613).collect();
    format!("{{\"pad\":{pad:?},\"lines\":[{}]}}", lines.join(",")).into()
}

pub(crate) fn open(adapter: &Faulty) -> Store {
    // Without a codec, a delta of these small states is always smaller than the state.
    Store::new(StoreOptions { codec_name: None, ..adapter.options() })
}

/// A store and what is known of it while it is intact.
pub(crate) struct Scene {
    pub(crate) adapter: Faulty,
    pub(crate) objects: BTreeMap<String, Bytes>,
    /// The live snapshots as references, with their states.
    pub(crate) live: BTreeMap<String, Bytes>,
    deleted: Vec<String>,
    /// The live snapshots that need each object.
    pub(crate) dependents: BTreeMap<String, BTreeSet<String>>,
    pub(crate) seals: BTreeMap<String, String>,
    /// The manifests that hold, by session.
    pub(crate) manifests: BTreeMap<String, String>,
}

impl Scene {
    /// Three sessions: one with deltas and a deletion, one that was compacted and continued, one with a full snapshot.
    pub(crate) async fn new() -> Self {
        let adapter = Faulty::default();
        let store = open(&adapter);
        let grow = async |name: &str, steps: std::ops::Range<u64>| {
            for step in steps {
                store.save(SaveRequest::new(session(name), grown(step))).await.unwrap();
            }
        };
        let delete = async |name: &str, number: u64| {
            let target = DeleteTarget::Indices([index(number)].into());
            store.delete(&session(name), &target).await.unwrap();
        };
        grow("a/open", 0..6).await;
        delete("a/open", 2).await;
        delete("a/open", 5).await;
        grow("a/rewritten", 0..4).await;
        delete("a/rewritten", 1).await;
        store.compact(&session("a/rewritten")).await.unwrap();
        grow("a/rewritten", 5..7).await;
        grow("b/full", 0..1).await;
        let mut scene = Self {
            objects: BTreeMap::new(),
            adapter: adapter.clone(),
            live: BTreeMap::new(),
            deleted: vec!["a/open@2".to_owned(), "a/open@5".to_owned(), "a/rewritten@1".to_owned()],
            dependents: BTreeMap::new(),
            seals: BTreeMap::new(),
            manifests: BTreeMap::new(),
        };
        scene.take_stock().await;
        scene
    }

    /// Finds out from the stored headers what depends on what.
    async fn take_stock(&mut self) {
        let store = open(&self.adapter);
        self.objects = self.adapter.shelf().objects.clone();
        for (key, object) in &self.objects {
            if key.contains("/m/") {
                let manifest = Manifest::parse(object).unwrap();
                self.manifests.insert(manifest.session.to_string(), key.clone());
            } else if let Ok(RecordObject::Mark(mark)) = RecordObject::parse(object.clone())
                && mark.is_seal()
            {
                self.seals.insert(key.clone(), format!("{}@{}", mark.session, mark.snapshot_index));
            }
        }
        for text in list(&store, "").await {
            let state = restore(&store, &text).await.unwrap();
            self.live.insert(text.clone(), state);
            let reference = reference(&text);
            let own = key::snapshot_key(&reference.session, reference.index.unwrap());
            let held = self.objects.iter().rfind(|(key, _)| {
                let name = own.rsplit('/').next().unwrap();
                key.starts_with(&key::generations_prefix(&reference.session)) && key.ends_with(name)
            });
            let key = held.map_or(&own, |(key, _)| key);
            let RecordObject::Snapshot(object) = RecordObject::parse(self.objects[key].clone()).unwrap()
            else {
                panic!("{key} holds no snapshot");
            };
            let directory = &key[..key.len() - 10];
            let delta = object.header().storage.delta.clone();
            let ancestors = delta.into_iter().flat_map(|delta| delta.ancestors);
            let needed = ancestors.map(|ancestor| format!("{directory}{:010}", ancestor.get()));
            for needed in needed.chain([key.clone()]) {
                self.dependents.entry(needed).or_default().insert(text.clone());
            }
        }
    }

    /// The key that means in this scene what `key` means in another one, where generations have other names.
    pub(crate) fn same_place(&self, key: &str) -> Option<String> {
        let Some((session, rest)) = key.split_once("/g/") else { return Some(key.to_owned()) };
        let (name, index) = rest.split_once('/')?;
        let generation = format!("{session}/g/{}", name.split('-').next()?);
        self.objects.keys().find(|key| key.starts_with(&generation) && key.ends_with(index)).cloned()
    }

    /// Puts other bytes in an object's place and checks everything that can be asked of the store.
    async fn check(&self, key: &str, bytes: Bytes, how: &str) {
        self.adapter.shelf().objects.insert(key.to_owned(), bytes);
        self.check_restores(key, how).await;
        self.check_verify(key, how).await;
        self.adapter.shelf().objects.insert(key.to_owned(), self.objects[key].clone());
    }

    async fn check_restores(&self, key: &str, how: &str) {
        let store = open(&self.adapter);
        let affected = |text: &str| {
            let manifest = self.manifests.get(text.split('@').next().unwrap());
            key == MARKER
                || manifest.is_some_and(|manifest| manifest == key)
                || self.dependents.get(key).is_some_and(|dependents| dependents.contains(text))
        };
        for (text, state) in &self.live {
            match restore(&store, text).await {
                Ok(restored) => {
                    assert!(!affected(text), "{text} was restored in spite of {key} {how}");
                    assert_eq!(&restored, state, "{text} with {key} {how}");
                }
                Err(error) => {
                    assert!(affected(text), "{text} with {key} {how}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Integrity, "{text} with {key} {how}: {error}");
                }
            }
        }
        for text in &self.deleted {
            let error = restore(&store, text).await.unwrap_err();
            let expected = if affected(text) { ErrorKind::Integrity } else { ErrorKind::NotFound };
            assert_eq!(error.kind(), expected, "{text} with {key} {how}: {error}");
        }
        for text in ["a/open", "a/rewritten", "b/full"] {
            match restore(&store, text).await {
                Ok(state) => {
                    let newest = self.live.range(format!("{text}@")..format!("{text}A")).next_back().unwrap();
                    assert_eq!(&state, newest.1, "{text} with {key} {how}");
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Integrity, "{text} with {key} {how}"),
            }
        }
    }

    async fn check_verify(&self, key: &str, how: &str) {
        let store = open(&self.adapter);
        let rows: Result<Vec<VerifyRow>, _> =
            store.verify(&pattern(""), Depth::Objects).try_collect::<Vec<_>>().await;
        if key == MARKER {
            assert_eq!(rows.unwrap_err().kind(), ErrorKind::Integrity, "{how}");
            return;
        }
        let mut named = BTreeSet::new();
        let mut at_key = 0;
        for row in rows.unwrap() {
            let Some(error) = row.error else { continue };
            assert_eq!(error.kind(), ErrorKind::Integrity, "{key} {how}");
            at_key += usize::from(row.key == key);
            if let Some(index) = row.snapshot_index {
                named.insert(format!("{}@{index}", row.session));
            } else {
                assert_eq!(row.key, key, "{how}");
            }
        }
        assert_eq!(at_key, 1, "{key} {how} is named once");
        // A seal that cannot be read may have been a snapshot.
        let seal = self.seals.get(key).map(|text| BTreeSet::from([text.clone()]));
        let expected = seal.or_else(|| self.dependents.get(key).cloned()).unwrap_or_default();
        assert_eq!(named, expected, "{key} {how}");
    }
}

#[tokio::test]
async fn the_store_has_objects_of_all_kinds() {
    let scene = Scene::new().await;
    let count = |part: &str| scene.objects.keys().filter(|key| key.contains(part)).count();
    assert!(count("/g/") >= 3 && count("/m/") >= 4 && scene.seals.len() == 1, "{:?}", scene.adapter.keys());
    let most = scene.dependents.values().map(BTreeSet::len).max().unwrap();
    assert!(most >= 4, "at most {most} snapshots depend on one object");
    let needs = |text: &str| scene.dependents.values().filter(|texts| texts.contains(text)).count();
    assert!(scene.live.keys().any(|text| needs(text) >= 3), "no delta builds on a delta");
    let deleted = &scene.dependents["agents/a/open/d/0000000002"];
    assert!(!deleted.is_empty(), "nothing builds on a deleted snapshot");
    let rows: Vec<VerifyRow> = verify(&open(&scene.adapter), "").await;
    assert!(rows.iter().all(|row| row.error.is_none()) && rows.len() == scene.live.len());
}

#[tokio::test]
async fn every_changed_byte_is_found_and_exactly_what_depends_on_it_is_named() {
    let scene = Scene::new().await;
    let mut checked = 0;
    for (key, object) in &scene.objects {
        for at in 0..object.len() {
            let mut bytes = object.to_vec();
            // Another bit each time, so that all are met.
            bytes[at] ^= 1 << (at % 8);
            scene.check(key, bytes.into(), &format!("byte {at}")).await;
            checked += 1;
        }
    }
    assert!(checked > 4000, "only {checked} bytes were there");
}

#[tokio::test]
async fn every_truncation_is_found_and_exactly_what_depends_on_it_is_named() {
    let scene = Scene::new().await;
    for (key, object) in &scene.objects {
        for length in 0..object.len() {
            scene.check(key, object.slice(..length), &format!("cut to {length} bytes")).await;
        }
        let longer = [&object[..], b"\n"].concat();
        scene.check(key, longer.into(), "with a byte more").await;
    }
}
