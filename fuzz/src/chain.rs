//! A session of three snapshots: a full one and a delta that are intact, and a third that is not to be trusted.

use bytes::Bytes;
use persist_host::format::{
    ContentHash, Delta, FORMAT_VERSION, Frame, Header, Identity, SnapshotObject, Storage, Timestamp,
    Transform, WriteId,
};
use persist_host::{Error, SessionRef, SnapshotIndex, SnapshotRef, key};
use sha2::{Digest as _, Sha256};

use Step::{Copy, Insert};

use super::shelf::{CODEC, store};
use super::{PROLOGUE, TRAILER};

/// Where the delta inserts its text into the first state.
const INSERTED_AT: usize = 1000;
const INSERTED: &[u8] = b" (an insertion) ";
/// How many bytes of the literals before it a frame of the sample may refer to.
const PREFIX: u64 = 64;

/// Restores the third snapshot, which `object` is to be.
pub fn restore(object: &[u8]) -> Result<Bytes, Error> {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    let session = session();
    let objects = base().into_iter().chain([Bytes::copy_from_slice(object)]);
    let objects = (0..).zip(objects).map(|(at, object)| (key::snapshot_key(&session, index(at)), object));
    let store = store(objects);
    let reference = SnapshotRef { session: session.clone(), index: Some(index(2)) };
    RUNTIME.with(|runtime| runtime.block_on(store.restore(&reference))).map(|restored| restored.state)
}

/// The two snapshots that are intact.
pub fn base() -> [Bytes; 2] {
    let (first, second) = (first_state(), second_state());
    let full = encode(identity(0, &first), storage(0, &[&first], None), &[&first]);
    let steps =
        steps(&[Copy(0, INSERTED_AT), Insert(INSERTED.len()), Copy(INSERTED_AT, first.len() - INSERTED_AT)]);
    let body = [&steps[..], INSERTED].concat();
    let delta = delta(&[&full], steps.len() as u64, 0);
    let second = encode(identity(1, &second), storage(1, &[&body], Some(delta)), &[&body]);
    [full, second]
}

/// A delta whose steps and literals are an input of the target `ops`; `None` where no header can say so.
pub fn delta_of(input: &[u8]) -> Option<Vec<u8>> {
    let (lengths, body) = input.split_first_chunk::<8>()?;
    let lengths = u64::from_le_bytes(*lengths);
    // The upper two bytes say how long the steps are, the others how long the state is.
    let (steps_len, content_length) = ((lengths >> 48).min(body.len() as u64), lengths & 0xffff_ffff_ffff);
    let [first, second] = base();
    let identity = Identity { content_length, ..identity(2, b"") };
    let storage = storage(2, &[body], Some(delta(&[&second, &first], steps_len, 0)));
    let header = Header::new(identity, storage).ok()?;
    SnapshotObject::encode(&header, &[Bytes::copy_from_slice(body)]).ok().map(|object| object.to_vec())
}

/// An input of the target `ops` whose state is built, but has another hash.
pub fn sample_ops() -> Vec<u8> {
    let (body, steps_len, state) = sample();
    let lengths = (steps_len << 48) | state.len() as u64;
    [&lengths.to_le_bytes()[..], &body].concat()
}

/// An input of the target `object` that restores to [`sample_state`]: two frames, for a codec that is given a prefix.
pub fn sample_object() -> Vec<u8> {
    let (body, steps_len, state) = sample();
    let [first, second] = base();
    let raw = body.split_at(body.len() / 2);
    let runs = |part: &[u8]| part.iter().flat_map(|byte| [1, *byte]).collect::<Vec<u8>>();
    let stored = [runs(raw.0), runs(raw.1)];
    let mut storage = storage(2, &[raw.0, raw.1], Some(delta(&[&second, &first], steps_len, PREFIX)));
    storage.transforms.push(Transform::named(CODEC));
    for (frame, stored) in storage.frames.iter_mut().zip(&stored) {
        frame.stored_len = stored.len() as u64;
    }
    let object = encode(identity(2, &state), storage, &[&stored[0], &stored[1]]);
    // What the target makes itself is left out: the prologue but for the header's length, and the trailer.
    [&object[6..8], &object[PROLOGUE..object.len() - TRAILER]].concat()
}

/// The state that the samples make.
pub fn sample_state() -> Vec<u8> {
    sample().2
}

/// The steps and literals of the third snapshot, the length of the steps, and the state.
fn sample() -> (Vec<u8>, u64, Vec<u8>) {
    let before = second_state();
    let steps = steps(&[Copy(500, 700), Insert(5), Copy(100, 300), Copy(400, 50)]);
    let state = [&before[500..1200], b"third", &before[100..400], &before[400..450]].concat();
    ([&steps[..], b"third"].concat(), steps.len() as u64, state)
}

fn first_state() -> Vec<u8> {
    (0..200_u32)
        .flat_map(|line| format!("line {} of the text\n", line.wrapping_mul(7919)).into_bytes())
        .collect()
}

fn second_state() -> Vec<u8> {
    let first = first_state();
    [&first[..INSERTED_AT], INSERTED, &first[INSERTED_AT..]].concat()
}

/// What a delta does: copies bytes of the base from an offset, or inserts as many literals.
enum Step {
    Copy(usize, usize),
    Insert(usize),
}

/// The stored form of steps.
fn steps(steps: &[Step]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut expected = 0_i64;
    for step in steps {
        match *step {
            Insert(len) => number(&mut bytes, (len as u64) << 1),
            Copy(from, len) => {
                number(&mut bytes, (len as u64) << 1 | 1);
                let distance = from as i64 - expected;
                number(&mut bytes, (distance << 1 ^ distance >> 63) as u64);
                expected = (from + len) as i64;
            }
        }
    }
    bytes
}

fn number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn identity(at: u64, state: &[u8]) -> Identity {
    let session = session();
    Identity {
        agent_id: session.agent,
        session_id: session.session,
        snapshot_index: index(at),
        timestamp: Timestamp::from_micros(1_795_411_607_123_456).expect("a timestamp"),
        content_hash: ContentHash::of(state),
        content_length: state.len() as u64,
        format_version: FORMAT_VERSION,
        parent: None,
        previous_identity: None,
        media_type: Some("text/plain".to_owned()),
        description: None,
        name: None,
        labels: [("fuzz".to_owned(), "yes".to_owned())].into(),
        forked_from: None,
    }
}

/// A storage section with these frames, not compressed.
fn storage(at: u64, frames: &[&[u8]], delta: Option<Delta>) -> Storage {
    let single = frames.len() == 1;
    let frames = frames.iter().map(|frame| Frame {
        stored_len: frame.len() as u64,
        raw_len: frame.len() as u64,
        digest: (!single).then(|| Frame::digest_of(frame)),
    });
    Storage {
        write_id: WriteId([at as u8; 16]),
        segment_start: index(0),
        transforms: Vec::new(),
        frames: frames.collect(),
        delta,
    }
}

fn delta(ancestors: &[&Bytes], steps_len: u64, prefix_len: u64) -> Delta {
    let mut hasher = Sha256::new();
    for object in ancestors {
        hasher.update(&object[object.len() - 32..]);
    }
    let mut ancestors_digest = [0; 16];
    ancestors_digest.copy_from_slice(&hasher.finalize()[..16]);
    let ancestors = (0..ancestors.len() as u64).rev().map(index).collect();
    Delta { ancestors, ancestors_digest, steps_len, prefix_len }
}

fn encode(identity: Identity, storage: Storage, frames: &[&[u8]]) -> Bytes {
    let header = Header::new(identity, storage).expect("the header breaks no rule");
    let frames: Vec<Bytes> = frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect();
    SnapshotObject::encode(&header, &frames).expect("the object is encodable")
}

fn session() -> SessionRef {
    "a/s".parse().expect("a session")
}

fn index(number: u64) -> SnapshotIndex {
    SnapshotIndex::new(number).expect("an index")
}
