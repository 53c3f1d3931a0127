//! Stores that earlier releases wrote, and that must be read and continued for ever; and what earlier readers make of
//! what this release writes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/directory.rs"]
mod directory;
#[path = "golden/write.rs"]
mod write;

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use persist_host::format::{Manifest, MarkKind, RecordObject};
use persist_host::{
    AgentId, ContentHash, Depth, RefPattern, SaveRequest, SessionId, SessionRef, SnapshotIndex, SnapshotInfo,
    SnapshotRef, Store, VerifyRow, key,
};
use serde_json::Value;

use directory::{Directory, restore_py};

/// The reader that release 0.1.0 came with, frozen.
const READER: &str = "readers/restore-0.1.0.py";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A golden store in a directory of its own, and what is known of it.
struct Golden {
    directory: Directory,
    snapshots: Vec<Value>,
    deleted: Vec<Value>,
    _scratch: tempfile::TempDir,
}

impl Golden {
    fn open(release: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        copy(&golden(release), scratch.path());
        let expected = fs::read(golden(&format!("{release}.json"))).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let rows = |name: &str| expected[name].as_array().unwrap().clone();
        Self {
            directory: Directory { root: scratch.path().to_owned() },
            snapshots: rows("snapshots"),
            deleted: rows("deleted"),
            _scratch: scratch,
        }
    }

    /// Everything that was saved comes back, and nothing else.
    async fn check(&self, store: &Store) {
        for row in &self.snapshots {
            let restored = store.restore(&reference(row)).await.unwrap();
            assert_eq!(ContentHash::of(&restored.state).to_string(), row["content_hash"]);
            assert_fields(&restored.info, row);
        }
        for row in &self.deleted {
            let error = store.restore(&reference(row)).await.unwrap_err();
            assert_eq!(error.code(), "snapshot_deleted", "{row}");
        }
        let everything = RefPattern::default();
        let listed: Vec<SnapshotInfo> = store.list(&everything).try_collect().await.unwrap();
        assert_eq!(listed.len(), self.snapshots.len());
        for depth in [Depth::Objects, Depth::Data] {
            let rows: Vec<VerifyRow> = store.verify(&everything, depth).try_collect().await.unwrap();
            assert_eq!(rows.len(), self.snapshots.len());
            assert!(rows.iter().all(|row| row.error.is_none()), "{rows:?}");
        }
    }

    /// The docs' reader gives the same.
    fn check_python(&self) {
        for (row, found) in self.snapshots.iter().zip(self.read(&restore_py(), &self.snapshots)) {
            assert_eq!(found.as_deref(), Ok(row["content_hash"].as_str().unwrap()), "{row}");
        }
        for (row, found) in self.deleted.iter().zip(self.read(&restore_py(), &self.deleted)) {
            assert_eq!(found, Err("Refused: there is no such snapshot".to_owned()), "{row}");
        }
    }

    fn read(&self, reader: &Path, rows: &[Value]) -> Vec<Result<String, String>> {
        self.directory.read_with_python(reader, &rows.iter().map(reference).collect::<Vec<_>>())
    }

    fn record(&self, row: &Value) -> RecordObject {
        let SnapshotRef { session, index } = reference(row);
        let object = fs::read(self.directory.path(&key::snapshot_key(&session, index.unwrap()))).unwrap();
        RecordObject::parse(object.into()).unwrap()
    }

    /// The session's newest manifest.
    fn manifest(&self, session: &SessionRef) -> Option<Manifest> {
        let directory = self.directory.path(&key::manifest_prefix(session));
        let newest = fs::read_dir(directory).ok()?.map(|entry| entry.unwrap().path()).max()?;
        Some(Manifest::parse(&fs::read(newest).unwrap()).unwrap())
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn reference(row: &Value) -> SnapshotRef {
    let agent = AgentId::parse(row["agent_id"].as_str().unwrap()).unwrap();
    let session = SessionId::parse(row["session_id"].as_str().unwrap()).unwrap();
    let index = SnapshotIndex::new(row["snapshot_index"].as_u64().unwrap()).unwrap();
    SnapshotRef { session: SessionRef::new(agent, session), index: Some(index) }
}

fn is_delta(record: &RecordObject) -> bool {
    matches!(record, RecordObject::Snapshot(object) if object.header().storage.delta.is_some())
}

fn assert_fields(info: &SnapshotInfo, expected: &Value) {
    let found = serde_json::to_value(info).unwrap();
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&found[name], value, "{name} of {expected}");
    }
}

#[tokio::test]
async fn a_store_of_release_0_1_0_is_read() {
    let golden = Golden::open("0.1.0");
    golden.check(&golden.directory.store(Some("gzip"))).await;
    golden.check_python();
}

#[tokio::test]
async fn a_store_of_release_0_2_0_is_read() {
    let golden = Golden::open("0.2.0");
    golden.check(&golden.directory.store(Some("gzip"))).await;
    golden.check_python();
}

#[tokio::test]
async fn a_store_of_release_0_1_0_is_continued_with_deltas() {
    let mut golden = Golden::open("0.1.0");
    let mut deltas = 0;
    for (codec, name) in [(Some("gzip"), "planner/trip-7"), (None, "planner/Trip-7")] {
        let session: SessionRef = name.parse().unwrap();
        for step in 0..4 {
            // A store of its own each time: nothing is known but what is stored.
            let store = golden.directory.store(codec);
            let before = store.restore(&name.parse().unwrap()).await.unwrap().state;
            let state = write::continued(&before, step);
            let info = store.save(SaveRequest::new(session.clone(), state)).await.unwrap();
            let row = serde_json::to_value(&info).unwrap();
            deltas += usize::from(is_delta(&golden.record(&row)));
            golden.snapshots.push(row);
        }
    }
    assert!(deltas >= 6, "{deltas} of 8 are deltas");
    golden.check(&golden.directory.store(Some("gzip"))).await;
    golden.check_python();
    check_with_the_reader_of_0_1_0(&golden);
}

#[test]
fn the_reader_of_release_0_1_0_refuses_what_it_does_not_know_by_name() {
    let golden = Golden::open("0.2.0");
    let Seen { read, refused } = check_with_the_reader_of_0_1_0(&golden);
    assert!(read >= 4 && refused > 20, "{read} read, {refused} refused");
}

#[test]
fn the_reader_of_release_0_1_0_refuses_seals_and_stubs_by_name() {
    let golden = Golden::open("0.2.0");
    let (mut seals, mut stubs) = (0, 0);
    let mut marks = Vec::new();
    for session in write::SESSIONS {
        let session: SessionRef = session.parse().unwrap();
        // Without manifests that would be refused first.
        let _ = fs::remove_dir_all(golden.directory.path(&key::manifest_prefix(&session)));
        for entry in fs::read_dir(golden.directory.path(&key::snapshot_prefix(&session))).unwrap() {
            let object = fs::read(entry.unwrap().path()).unwrap();
            let RecordObject::Mark(mark) = RecordObject::parse(object.into()).unwrap() else { continue };
            match mark.kind {
                MarkKind::Seal => seals += 1,
                MarkKind::Stub { .. } => stubs += 1,
            }
            marks.push(SnapshotRef { session: mark.session, index: Some(mark.snapshot_index) });
        }
    }
    assert!(seals >= 2 && stubs >= 10, "{seals} seals, {stubs} stubs");
    for found in golden.directory.read_with_python(&self::golden(READER), &marks) {
        assert_eq!(found, Err("Refused: it needs the feature marks of Persist 0.2.0".to_owned()));
    }
}

struct Seen {
    read: usize,
    refused: usize,
}

/// The frozen reader gives back full snapshots, and names the release that is needed for all others.
fn check_with_the_reader_of_0_1_0(golden: &Golden) -> Seen {
    let mut seen = Seen { read: 0, refused: 0 };
    for (row, found) in golden.snapshots.iter().zip(golden.read(&self::golden(READER), &golden.snapshots)) {
        let feature = match (golden.record(row), golden.manifest(&reference(row).session)) {
            (_, Some(manifest)) if !(manifest.gone.is_empty() && manifest.generations.is_empty()) => {
                Some("generations")
            }
            (_, Some(manifest)) if !manifest.labels.is_empty() => Some("labels"),
            (RecordObject::Mark(_), _) => Some("marks"),
            (record, _) => is_delta(&record).then_some("delta"),
        };
        if let Some(feature) = feature {
            assert_eq!(found, Err(format!("Refused: it needs the feature {feature} of Persist 0.2.0")));
            seen.refused += 1;
        } else {
            assert_eq!(found.as_deref(), Ok(row["content_hash"].as_str().unwrap()));
            seen.read += 1;
        }
    }
    seen
}

/// The same saves, deletions and collections still come to the same snapshots. With `PERSIST_WRITE_GOLDEN` set, what they
/// write is kept as the golden store of this release: for a release that changes what is written.
#[tokio::test]
async fn what_the_golden_store_was_made_of_is_still_written() {
    let scratch = tempfile::tempdir().unwrap();
    let release = persist_host::format::RELEASE;
    let keep = std::env::var_os("PERSIST_WRITE_GOLDEN").is_some();
    let root = if keep { golden(release) } else { scratch.path().join("store") };
    assert!(!root.exists(), "{} exists; a golden store is never rewritten", root.display());
    let (snapshots, deleted) = write::write(&Directory { root }).await;
    if keep {
        let expected = serde_json::json!({ "snapshots": snapshots, "deleted": deleted });
        let text = serde_json::to_string_pretty(&expected).unwrap() + "\n";
        fs::write(golden(&format!("{release}.json")), text).unwrap();
    }
    let earlier = Golden::open("0.2.0");
    assert_eq!(deleted, earlier.deleted);
    assert_eq!(snapshots.len(), earlier.snapshots.len());
    for (now, then) in snapshots.iter().zip(&earlier.snapshots) {
        for name in ["agent_id", "session_id", "snapshot_index", "parent_index", "content_hash", "labels"] {
            assert_eq!(now[name], then[name], "{name} of {then}");
        }
    }
}

/// What a test or the generator saves: a state and its request.
fn request(session: &str, state: impl Into<Bytes>) -> SaveRequest {
    SaveRequest::new(session.parse().unwrap(), state)
}
