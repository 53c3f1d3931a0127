//! A stranger with the specification and the Python standard library gets the data back.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

#[path = "support/directory.rs"]
mod directory;
#[path = "format_python/engine.rs"]
mod engine;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use persist_host::format::{
    ContentHash, FORMAT_VERSION, Frame, Generations, Header, Identity, IndexSet, LabelChanges, Manifest,
    Marker, SnapshotObject, Storage, Timestamp, Transform, WriteId,
};
use persist_host::{AgentId, SessionId, SessionRef, SnapshotIndex, key};

/// A store directory as the local storage plugin lays it out: one file per key.
struct Store {
    root: tempfile::TempDir,
}

impl Store {
    fn new() -> Self {
        let store = Self { root: tempfile::tempdir().unwrap() };
        store.put(key::MARKER, Marker::create().encode().unwrap().as_bytes());
        store
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.path().join(key)
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn save(&self, session: &SessionRef, number: u64, state: &[u8], frame_len: usize, codec: bool) {
        let object = encode(session, number, state, frame_len, codec);
        self.put(&key::snapshot_key(session, index(number)), &object);
    }

    fn delete(&self, session: &SessionRef, seq: u64, numbers: &[u64]) {
        let deleted: IndexSet = numbers.iter().copied().map(index).collect();
        let manifest = Manifest {
            write_id: WriteId::random(),
            seq,
            session: session.clone(),
            boundary: 0,
            deleted,
            gone: IndexSet::new(),
            generations: Generations::default(),
            labels: LabelChanges::new(),
        };
        self.put(&key::manifest_key(session, seq), &manifest.encode().unwrap());
    }

    fn restore(&self, session: &SessionRef, number: Option<u64>) -> Output {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/restore.py");
        Command::new("python3")
            // Neither the environment nor installed packages may help.
            .args(["-I", "-S"])
            .arg(program)
            .arg(self.root.path())
            .args([session.agent.as_str(), session.session.as_str()])
            .args(number.map(|number| number.to_string()))
            .output()
            .unwrap()
    }

    fn assert_restores(&self, session: &SessionRef, number: Option<u64>, state: &[u8]) {
        let output = self.restore(session, number);
        assert!(output.status.success(), "{session}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == state, "{session} {number:?}: other bytes came back");
    }

    fn assert_refuses(&self, session: &SessionRef, number: Option<u64>, reason: &str) {
        let output = self.restore(session, number);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{session}: {message}");
        assert!(output.stdout.is_empty() && message.contains(reason), "{session}: {message}");
    }
}

fn index(number: u64) -> SnapshotIndex {
    SnapshotIndex::new(number).unwrap()
}

fn session(agent: &str, session: &str) -> SessionRef {
    SessionRef::new(AgentId::parse(agent).unwrap(), SessionId::parse(session).unwrap())
}

fn gzip(raw: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(raw).unwrap();
    encoder.finish().unwrap()
}

fn encode(session: &SessionRef, number: u64, state: &[u8], frame_len: usize, codec: bool) -> Bytes {
    let parts: Vec<&[u8]> = state.chunks(frame_len).collect();
    let stored: Vec<Bytes> =
        parts.iter().map(|raw| if codec { gzip(raw).into() } else { Bytes::copy_from_slice(raw) }).collect();
    let frames = parts.iter().zip(&stored).map(|(raw, stored)| Frame {
        stored_len: stored.len() as u64,
        raw_len: raw.len() as u64,
        digest: (parts.len() > 1).then(|| Frame::digest_of(raw)),
    });
    let storage = Storage {
        write_id: WriteId::random(),
        segment_start: index(number),
        delta: None,
        transforms: if codec { vec![Transform::named("gzip")] } else { Vec::new() },
        frames: frames.collect(),
    };
    let identity = Identity {
        agent_id: session.agent.clone(),
        session_id: session.session.clone(),
        snapshot_index: index(number),
        timestamp: Timestamp::now(),
        content_hash: ContentHash::of(state),
        content_length: state.len() as u64,
        format_version: FORMAT_VERSION,
        parent: index(number).previous(),
        previous_identity: None,
        media_type: None,
        description: Some("ünï".to_owned()),
        name: None,
        labels: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        forked_from: None,
    };
    SnapshotObject::encode(&Header::new(identity, storage).unwrap(), &stored).unwrap()
}

fn state(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * at % 251) as u8).collect()
}

#[test]
fn python_restores_every_stored_form() {
    let store = Store::new();
    let session = session("demo", "run");
    let large = state(300_000);
    store.save(&session, 0, b"{\"step\":0}", 1 << 20, true);
    store.save(&session, 1, &large, 1 << 20, true);
    store.save(&session, 2, &large, 70_000, true);
    store.save(&session, 3, &large, 70_000, false);
    store.save(&session, 4, b"", 1 << 20, true);
    store.assert_restores(&session, Some(0), b"{\"step\":0}");
    for number in 1..4 {
        store.assert_restores(&session, Some(number), &large);
    }
    store.assert_restores(&session, None, b"");
    store.assert_refuses(&session, Some(5), "no such snapshot");
}

#[test]
fn python_finds_ids_of_every_shape() {
    let store = Store::new();
    let long = "é".repeat(100);
    let device = format!("con.{}", "é".repeat(90));
    let ids = ["Ab", "ab", "..", ".x.", "con", "CON", "lpt9.x", "a/b@c%", "🦀", "!0", &long, &device];
    for id in ids {
        store.save(&session(id, id), 0, id.as_bytes(), 1 << 20, true);
    }
    for id in ids {
        store.assert_restores(&session(id, id), None, id.as_bytes());
    }
}

#[test]
fn python_respects_deletions() {
    let store = Store::new();
    let session = session("demo", "run");
    for number in 0..4_u64 {
        store.save(&session, number, number.to_string().as_bytes(), 1 << 20, true);
    }
    store.delete(&session, 1, &[3]);
    store.assert_restores(&session, None, b"2");
    store.assert_refuses(&session, Some(3), "no such snapshot");
    store.delete(&session, 2, &[0, 2, 3]);
    store.assert_restores(&session, None, b"1");
    store.delete(&session, 3, &[0, 1, 2, 3]);
    store.assert_refuses(&session, None, "no such snapshot");
}

#[test]
fn python_notices_damage() {
    let store = Store::new();
    let session = session("demo", "run");
    store.save(&session, 0, b"{\"step\":0}", 1 << 20, true);
    let path = store.path(&key::snapshot_key(&session, index(0)));
    let object = fs::read(&path).unwrap();
    // The magic, the version, the header's length, its digest, the header, the body and the trailer.
    for at in [0, 4, 6, 20, 60, object.len() - 40, object.len() - 35, object.len() - 1] {
        let mut damaged = object.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        store.assert_refuses(&session, None, "cannot restore");
    }
    fs::write(&path, &object[..object.len() - 1]).unwrap();
    store.assert_refuses(&session, None, "cannot restore");
    fs::write(&path, &object).unwrap();
    store.assert_restores(&session, None, b"{\"step\":0}");

    let elsewhere = key::snapshot_key(&session, index(1));
    store.put(&elsewhere, &object);
    store.assert_refuses(&session, Some(1), "it is snapshot 0 of demo / run");

    let marker = store.path(key::MARKER);
    let text = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, text.replacen("created_by", "created_bY", 1)).unwrap();
    store.assert_refuses(&session, Some(0), "the store marker is damaged");
    fs::write(&marker, text).unwrap();

    store.delete(&session, 1, &[1]);
    let manifest = store.path(&key::manifest_key(&session, 1));
    let mut damaged = fs::read(&manifest).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&manifest, damaged).unwrap();
    store.assert_refuses(&session, Some(0), "cannot restore");
}
