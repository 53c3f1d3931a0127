//! Tests of whole objects.

mod damage;
mod golden;
mod hostile;
mod side;

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{AgentId, SessionId, SessionRef, SnapshotIndex, SnapshotName};

pub(super) fn index(value: u64) -> SnapshotIndex {
    SnapshotIndex::new(value).unwrap()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The first snapshot of a session with nothing optional: the worked example of the specification.
pub(super) fn plain_identity(state: &[u8]) -> Identity {
    Identity {
        agent_id: AgentId::parse("demo").unwrap(),
        session_id: SessionId::parse("Run 1").unwrap(),
        snapshot_index: index(0),
        timestamp: Timestamp::from_micros(1_795_411_607_123_456).unwrap(),
        content_hash: ContentHash::of(state),
        content_length: state.len() as u64,
        format_version: FORMAT_VERSION,
        parent: None,
        previous_identity: None,
        media_type: None,
        description: None,
        name: None,
        labels: BTreeMap::new(),
        forked_from: None,
    }
}

/// A manifest with deletions in two ranges.
pub(super) fn full_manifest() -> Manifest {
    Manifest {
        write_id: WriteId([0xcc; 16]),
        seq: 3,
        session: "demo/Run 1".parse().unwrap(),
        boundary: 0,
        deleted: [0, 1, 2, 7].map(index).into_iter().collect(),
        gone: IndexSet::new(),
        generations: Generations::default(),
        labels: LabelChanges::new(),
    }
}

/// A snapshot with every optional field, in two frames without a codec.
pub(super) fn full_object() -> (Header, Vec<Bytes>) {
    let frames = vec![Bytes::from_static(b"[1,"), Bytes::from_static(b"2]")];
    let identity = Identity {
        snapshot_index: index(5),
        parent: Some(index(2)),
        previous_identity: Some([0xaa; 32]),
        media_type: Some("text/plain".into()),
        description: Some("a step".into()),
        name: Some(SnapshotName::parse("n1").unwrap()),
        labels: [("a", "1"), ("b", "")].map(|(key, value)| (key.into(), value.into())).into(),
        ..plain_identity(b"[1,2]")
    };
    let storage = Storage {
        write_id: WriteId([0xbb; 16]),
        segment_start: index(4),
        transforms: Vec::new(),
        frames: frames
            .iter()
            .map(|raw| Frame {
                stored_len: raw.len() as u64,
                raw_len: raw.len() as u64,
                digest: Some(Frame::digest_of(raw)),
            })
            .collect(),
        delta: None,
    };
    (Header::new(identity, storage).unwrap(), frames)
}

/// An object around `header` that nothing but the header itself can be wrong with.
pub(super) fn seal(magic: &[u8; 4], header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut object = magic.to_vec();
    object.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    object.extend_from_slice(&u32::try_from(header.len()).unwrap().to_le_bytes());
    let digest = Sha256::digest([&object, header].concat());
    object.extend_from_slice(&digest);
    object.extend_from_slice(header);
    object.extend_from_slice(body);
    let digest = Sha256::digest(&object);
    object.extend_from_slice(&[1, 32, 0]);
    object.extend_from_slice(&digest);
    object
}

#[test]
fn objects_round_trip() {
    let (header, frames) = full_object();
    let object = SnapshotObject::encode(&header, &frames).unwrap();
    assert_eq!(verify_object(&object).unwrap().into_snapshot().unwrap(), header);
    let parsed = SnapshotObject::parse(object.clone()).unwrap();
    assert_eq!(parsed.header(), &header);
    let stored: Vec<Bytes> = parsed.frames().map(|(_, bytes)| bytes).collect();
    assert_eq!(stored, frames);
    // The frames are views of the object, not copies.
    let address = parsed.bytes().as_ptr() as usize;
    assert!((address..address + object.len()).contains(&(stored[1].as_ptr() as usize)));
    header.expect_frame(1, b"2]").unwrap();
    assert!(header.expect_frame(1, b"3]").unwrap_err().is_damage());
    assert!(header.expect_frame(1, b"2").unwrap_err().is_damage());
    assert!(header.expect_frame(2, b"").unwrap_err().is_damage());
    header.expect_content(b"[1,2]").unwrap();
    assert!(header.expect_content(b"[1,3]").unwrap_err().is_damage());
    assert!(header.expect_content(b"").unwrap_err().is_damage());
}

#[test]
fn a_prefix_says_how_much_more_is_needed() {
    let (header, frames) = full_object();
    let object = SnapshotObject::encode(&header, &frames).unwrap();
    let PrefixParse::NeedMore(42) = Record::parse_prefix(&object[..41]).unwrap() else { panic!() };
    let PrefixParse::NeedMore(end) = Record::parse_prefix(&object[..42]).unwrap() else { panic!() };
    assert_eq!(Record::parse_prefix(&object[..end - 1]).unwrap(), PrefixParse::NeedMore(end));
    let PrefixParse::Complete { record: found, header_end } = Record::parse_prefix(&object[..end]).unwrap()
    else {
        panic!()
    };
    assert_eq!((found.into_snapshot().unwrap(), header_end), (header.clone(), end));
    assert_eq!(header.object_len(end).unwrap(), object.len() as u64);
}

#[test]
fn an_object_belongs_under_its_key() {
    let (header, _) = full_object();
    let session = header.session();
    header.expect_identity(&session, index(5)).unwrap();
    let error = header.expect_identity(&session, index(6)).unwrap_err();
    assert!(error.is_damage());
    assert!(error.to_string().contains("the snapshot demo/Run 1@5, but lies where demo/Run 1@6"), "{error}");
    let other: SessionRef = "demo/run 1".parse().unwrap();
    assert!(header.expect_identity(&other, index(5)).is_err());
}

#[test]
fn parents_take_a_byte_only_when_unusual() {
    let (header, _) = full_object();
    for (own, parent) in [(0, None), (5, Some(4)), (5, Some(0)), (5, None)] {
        let identity =
            Identity { snapshot_index: index(own), parent: parent.map(index), ..header.identity.clone() };
        assert_eq!(Identity::decode(&identity.encode().unwrap()).unwrap(), identity);
    }
}

#[test]
fn contradictions_are_not_written() {
    let (header, frames) = full_object();
    let refused = |change: &dyn Fn(&mut Identity, &mut Storage)| {
        let (mut identity, mut storage) = (header.identity.clone(), header.storage.clone());
        change(&mut identity, &mut storage);
        let error = Header::new(identity, storage).unwrap_err();
        assert!(matches!(error, FormatError::Unencodable { .. }), "{error}");
    };
    refused(&|identity, _| identity.parent = Some(index(5)));
    refused(&|identity, _| identity.format_version = 2);
    refused(&|identity, _| identity.content_length += 1);
    refused(&|_, storage| storage.segment_start = index(6));
    refused(&|_, storage| storage.frames[0].digest = None);
    refused(&|_, storage| storage.frames[0].stored_len += 1);
    refused(&|_, storage| storage.frames[0].raw_len = u64::MAX);
    assert!(SnapshotObject::encode(&header, &frames[..1]).is_err());
}

#[test]
fn the_fixed_overhead_is_small() {
    let state = vec![b' '; 450_000];
    let stored = Bytes::from(vec![0; 30_000]);
    let identity = Identity {
        snapshot_index: index(199),
        parent: Some(index(198)),
        previous_identity: Some([0xaa; 32]),
        ..plain_identity(&state)
    };
    let ids = identity.agent_id.as_str().len() + identity.session_id.as_str().len();
    let storage = Storage {
        write_id: WriteId::random(),
        segment_start: index(199),
        transforms: vec![Transform::named("gzip")],
        frames: vec![Frame { stored_len: 30_000, raw_len: 450_000, digest: None }],
        delta: None,
    };
    let header = Header::new(identity, storage).unwrap();
    let object = SnapshotObject::encode(&header, std::slice::from_ref(&stored)).unwrap();
    let overhead = object.len() - stored.len() - ids;
    println!("fixed overhead of a single-frame gzip snapshot: {overhead} bytes");
    assert!(overhead <= 215, "{overhead}");
}

#[test]
fn manifests_round_trip() {
    let manifest = full_manifest();
    let parsed = Manifest::parse(&manifest.encode().unwrap()).unwrap();
    assert_eq!(parsed, manifest);
    parsed.expect(&manifest.session, 3).unwrap();
    let error = parsed.expect(&manifest.session, 4).unwrap_err();
    assert!(error.to_string().contains("the manifest 3 of demo/Run 1, but lies where manifest 4"), "{error}");
    assert!(parsed.expect(&"demo/other".parse().unwrap(), 3).is_err());
    let beyond = Manifest { seq: 10_000_000_000, ..manifest };
    assert!(matches!(beyond.encode(), Err(FormatError::Unencodable { .. })));
}
