//! Repairing: what others still tell is written anew, what is lost is named, and what is intact is not touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use persist_host::{
    AttachRequest, AttachmentName, Depth, Error, ErrorKind, Remedy, RepairRow, Store, StoreOptions, VerifyRow,
};
use persist_plugin_api::{
    self as plugin, Capabilities, ErrorCode, ListPage, ListRequest, ObjectMeta, StorageAdapter,
};

use crate::corruption::{Scene, open};
use crate::support::*;

const MARKER: &str = "persist-store.json";

async fn repair(store: &Store, confirmed: bool) -> Result<Vec<RepairRow>, Error> {
    store.repair(&pattern(""), confirmed).try_collect().await
}

fn objects(adapter: &Faulty) -> BTreeMap<String, Bytes> {
    adapter.shelf().objects.clone()
}

fn damaged(object: &Bytes) -> Bytes {
    let mut bytes = object.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    bytes.into()
}

/// What can be done about each object of the scene.
fn remedy(scene: &Scene, key: &str) -> Remedy {
    let needed = scene.dependents.contains_key(key);
    match key {
        MARKER => Remedy::WriteMarker,
        _ if key.contains("/m/") && !scene.manifests.values().any(|manifest| manifest == key) => {
            Remedy::WriteManifest
        }
        _ if key.contains("/d/") && !needed && !scene.seals.contains_key(key) => Remedy::WriteStub,
        _ => Remedy::None,
    }
}

fn lost(scene: &Scene, key: &str) -> BTreeSet<String> {
    let seal = scene.seals.get(key).map(|text| BTreeSet::from([text.clone()]));
    seal.or_else(|| scene.dependents.get(key).cloned()).unwrap_or_default()
}

fn lost_of(row: &RepairRow) -> BTreeSet<String> {
    row.lost.iter().map(|index| format!("{}@{index}", row.session.as_ref().unwrap())).collect()
}

async fn assert_whole(scene: &Scene) {
    let store = open(&scene.adapter);
    for (text, state) in &scene.live {
        assert_eq!(&restore(&store, text).await.unwrap(), state, "{text}");
    }
    let rows: Vec<VerifyRow> = store.verify(&pattern(""), Depth::Data).try_collect().await.unwrap();
    assert!(rows.iter().all(|row| row.error.is_none()), "{rows:?}");
    assert_eq!(rows.len(), scene.live.len());
    assert!(repair(&store, false).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_intact_is_left_as_it_is() {
    let scene = Scene::new().await;
    assert!(repair(&open(&scene.adapter), true).await.unwrap().is_empty());
    assert!(objects(&scene.adapter) == scene.objects);
}

#[tokio::test]
async fn each_damaged_object_is_repaired_or_what_is_lost_with_it_is_named() {
    let mut met = BTreeMap::new();
    for key in Scene::new().await.objects.keys().map(String::clone).collect::<Vec<_>>() {
        let scene = Scene::new().await;
        // Generations have random names; this scene's object of the same place stands for the one of the first.
        let Some(key) = scene.same_place(&key) else { panic!("{key} has no counterpart") };
        let bad = damaged(&scene.objects[&key]);
        scene.adapter.shelf().objects.insert(key.clone(), bad.clone());
        let before = objects(&scene.adapter);
        let expected = remedy(&scene, &key);
        *met.entry(format!("{expected:?}")).or_insert(0) += 1;

        let shown = repair(&open(&scene.adapter), false).await.unwrap();
        assert!(objects(&scene.adapter) == before, "{key}: nothing is done without being told to");
        assert_eq!(shown.len(), 1, "{key}: {shown:?}");
        assert_eq!((shown[0].remedy, shown[0].done, &shown[0].key), (expected, false, &key));
        assert_eq!(lost_of(&shown[0]), lost(&scene, &key), "{key}");

        let done = repair(&open(&scene.adapter), true).await.unwrap();
        assert_eq!(done.len(), 1, "{key}");
        assert_eq!((done[0].remedy, done[0].done), (expected, expected != Remedy::None), "{key}");
        assert_eq!(done[0].problem.kind(), ErrorKind::Integrity);
        let aside = done[0].quarantined.clone().unwrap();
        assert_eq!(aside, format!("quarantine/{key}.1"));
        let mut after = objects(&scene.adapter);
        assert_eq!(after.remove(&aside), Some(bad), "{key}");
        let written = after.remove(&key).unwrap();
        assert!(after.iter().all(|(key, object)| scene.objects[key] == *object), "{key}: others changed");
        if expected == Remedy::None {
            assert_eq!(written, before[&key]);
            repair(&open(&scene.adapter), true).await.unwrap();
            assert!(!objects(&scene.adapter).contains_key(&format!("quarantine/{key}.2")), "{key}");
        } else {
            assert_whole(&scene).await;
        }
    }
    assert!(met.len() == 4 && met["WriteStub"] >= 4 && met["WriteManifest"] >= 2, "{met:?}");
}

#[tokio::test]
async fn a_missing_record_is_written_anew_like_a_damaged_one() {
    let scene = Scene::new().await;
    let last = |directory: &str| scene.objects.keys().rfind(|key| key.starts_with(directory)).cloned();
    for key in scene.objects.keys() {
        // What is missing at the end of a numbered sequence was never there, as far as anybody can tell.
        if last(&key[..key.len() - 10]).as_ref() == Some(key) && !key.contains("/g/") {
            continue;
        }
        scene.adapter.shelf().objects.remove(key);
        let expected = remedy(&scene, key);
        let done = repair(&open(&scene.adapter), true).await.unwrap();
        assert_eq!(done.len(), 1, "{key}: {done:?}");
        assert_eq!((done[0].remedy, done[0].done), (expected, expected != Remedy::None), "{key}");
        assert_eq!(lost_of(&done[0]), lost(&scene, key), "{key}");
        assert_eq!(done[0].quarantined, None);
        if expected != Remedy::None {
            assert_whole(&scene).await;
        }
        *scene.adapter.shelf() = Shelf { objects: scene.objects.clone(), ..Shelf::default() };
    }
}

#[tokio::test]
async fn a_segment_that_could_not_be_compacted_can_be_again() {
    let scene = Scene::new().await;
    let key = "agents/a/open/d/0000000005";
    scene.adapter.shelf().objects.insert(key.to_owned(), damaged(&scene.objects[key]));
    let store = open(&scene.adapter);
    let collected = store.compact(&session("a/open")).await.unwrap();
    assert_eq!((collected.unreadable, collected.left, collected.rewritten), (1, 2, 0));
    assert!(repair(&store, true).await.unwrap()[0].done);
    let collected = store.compact(&session("a/open")).await.unwrap();
    assert_eq!((collected.unreadable, collected.left), (0, 0));
    assert!(collected.rewritten > 0);
    assert_whole(&scene).await;
    let error = restore(&store, "a/open@5").await.unwrap_err();
    assert_eq!(error.code(), "snapshot_deleted");
}

#[tokio::test]
async fn a_marker_is_not_made_for_a_store_that_cannot_be_read() {
    let scene = Scene::new().await;
    scene.adapter.shelf().objects.remove(MARKER);
    // Lost for good: what it required may have been more than this release knows.
    let key = "agents/b/full/d/0000000000";
    scene.adapter.shelf().objects.insert(key.to_owned(), damaged(&scene.objects[key]));
    let rows = repair(&open(&scene.adapter), true).await.unwrap();
    let remedies: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.remedy, row.done)).collect();
    assert_eq!(remedies, [(key, Remedy::None, false), (MARKER, Remedy::None, false)]);
    assert!(!objects(&scene.adapter).contains_key(MARKER));
    // Brought back from a backup, it no longer stands in the way.
    scene.adapter.shelf().objects.insert(key.to_owned(), scene.objects[key].clone());
    let rows = repair(&open(&scene.adapter), true).await.unwrap();
    assert_eq!((rows.len(), rows[0].remedy, rows[0].done), (1, Remedy::WriteMarker, true));
    assert_whole(&scene).await;
}

#[tokio::test]
async fn a_damaged_attachment_is_copied_aside_and_left() {
    let scene = Scene::new().await;
    let store = open(&scene.adapter);
    let name = AttachmentName::parse("note").unwrap();
    store.attach(AttachRequest::new(reference("a/open@0"), name, "remember")).await.unwrap();
    let key = scene.adapter.keys().into_iter().find(|key| key.contains("/w/")).unwrap();
    let bad = damaged(&objects(&scene.adapter)[&key]);
    scene.adapter.shelf().objects.insert(key.clone(), bad.clone());
    let rows = repair(&store, true).await.unwrap();
    assert_eq!((rows.len(), &rows[0].key, rows[0].remedy, rows[0].done), (1, &key, Remedy::None, false));
    assert!(rows[0].lost.is_empty());
    let after = objects(&scene.adapter);
    assert!(after[&key] == bad && after[&format!("quarantine/{key}.1")] == bad);
}

#[tokio::test]
async fn a_place_without_a_store_is_not_made_one() {
    let adapter = Faulty::default();
    assert_eq!(repair(&open(&adapter), true).await.unwrap_err().code(), "store_not_found");
    assert!(objects(&adapter).is_empty());
}

#[tokio::test]
async fn a_fault_of_one_read_leads_to_nothing() {
    let scene = Scene::new().await;
    for key in scene.objects.keys() {
        for fault in [ReadFault::Fails, ReadFault::Flips] {
            let flaky = Flaky::new(&scene.adapter, key, fault, 1);
            let rows = repair(&flaky.store(), true).await.unwrap();
            assert!(rows.is_empty(), "{key}: {rows:?}");
            assert_eq!(flaky.left.load(Ordering::Relaxed), 0, "{key} was read");
            assert!(objects(&scene.adapter) == scene.objects, "{key}");
        }
    }
}

#[tokio::test]
async fn reads_that_differ_lead_to_nothing_but_an_error() {
    let scene = Scene::new().await;
    for key in scene.objects.keys() {
        let flaky = Flaky::new(&scene.adapter, key, ReadFault::Flips, 2);
        let error = repair(&flaky.store(), true).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "reads_differ"), "{key}");
        assert!(objects(&scene.adapter) == scene.objects, "{key}");
    }
}

#[tokio::test]
async fn what_cannot_be_copied_aside_is_not_written_over() {
    let scene = Scene::new().await;
    let key = "agents/a/open/d/0000000005";
    scene.adapter.shelf().objects.insert(key.to_owned(), damaged(&scene.objects[key]));
    let before = objects(&scene.adapter);
    scene.adapter.fail_creates(&[Fault::Refused]);
    assert!(repair(&open(&scene.adapter), true).await.is_err());
    assert!(objects(&scene.adapter) == before);
    // A reply that was lost is not a copy that was.
    scene.adapter.fail_creates(&[Fault::LostReply]);
    assert!(repair(&open(&scene.adapter), true).await.unwrap()[0].done);
    assert_eq!(objects(&scene.adapter)[&format!("quarantine/{key}.1")], before[key]);
    assert_whole(&scene).await;
}

/// What goes wrong with a read.
#[derive(Clone, Copy)]
enum ReadFault {
    Fails,
    /// A byte arrives changed, another one each time.
    Flips,
}

/// An adapter over another, whose first reads of one object go wrong.
#[derive(Clone)]
struct Flaky {
    inner: Faulty,
    key: String,
    fault: ReadFault,
    left: Arc<AtomicU8>,
    reads: Arc<Mutex<usize>>,
}

impl Flaky {
    fn new(inner: &Faulty, key: &str, fault: ReadFault, times: u8) -> Self {
        let (inner, key) = (inner.clone(), key.to_owned());
        Self { inner, key, fault, left: Arc::new(AtomicU8::new(times)), reads: Arc::default() }
    }

    fn store(&self) -> Store {
        let storage = Arc::new(self.clone());
        Store::new(StoreOptions { storage, codec_name: None, ..self.inner.options() })
    }
}

impl StorageAdapter for Flaky {
    type Config = ();

    async fn open((): ()) -> plugin::Result<Self> {
        Err(plugin::Error::new(ErrorCode::CONFIG, "it is made by tests"))
    }

    async fn capabilities(&self) -> plugin::Result<Capabilities> {
        self.inner.capabilities().await
    }

    async fn save(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        self.inner.save(key, data).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        self.inner.save_if_absent(key, data).await
    }

    async fn load(&self, key: &str) -> plugin::Result<Bytes> {
        let object = self.inner.load(key).await?;
        let left = self.left.load(Ordering::Relaxed);
        if key != self.key || left == 0 {
            return Ok(object);
        }
        self.left.store(left - 1, Ordering::Relaxed);
        match self.fault {
            ReadFault::Fails => Err(plugin::Error::new(ErrorCode::UNAVAILABLE, "connection reset")),
            ReadFault::Flips => {
                let mut reads = self.reads.lock().unwrap();
                *reads += 1;
                let mut bytes = object.to_vec();
                bytes[*reads * 7] ^= 1;
                Ok(bytes.into())
            }
        }
    }

    async fn stat(&self, key: &str) -> plugin::Result<ObjectMeta> {
        self.inner.stat(key).await
    }

    async fn delete(&self, key: &str) -> plugin::Result<()> {
        self.inner.delete(key).await
    }

    async fn list(&self, request: ListRequest) -> plugin::Result<ListPage> {
        self.inner.list(request).await
    }
}
