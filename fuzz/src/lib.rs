//! What a fuzzer gives bytes to: the readers of headers, manifests, deltas and whole objects.
//!
//! Each function takes any bytes and must return: it may neither panic nor hang, nor allocate more than [`promised`]
//! and a constant. Digests that no fuzzer would ever guess are made right first, so that what they protect is reached.
//! `persist-host/tests/fuzz_corpus.rs` runs the same functions with a stable compiler.

mod chain;
mod shelf;

use persist_host::format::{FORMAT_VERSION, Manifest, PrefixParse, Record, verify_object};
use sha2::{Digest as _, Sha256};

pub use chain::{base, delta_of, restore, sample_object, sample_ops, sample_state};

/// The length of the prologue of an object, in bytes.
const PROLOGUE: usize = 42;
/// The length of its trailer.
const TRAILER: usize = 35;
const SNAPSHOT: &[u8; 4] = b"\x89PSO";
const MANIFEST: &[u8; 4] = b"\x89PSM";

/// Reads bytes as the beginning of a record, as they are and as the header of one.
pub fn header(input: &[u8]) {
    let _ = Record::parse_prefix(input);
    let object = seal(SNAPSHOT, input, b"");
    let Ok(PrefixParse::Complete { record, header_end }) = Record::parse_prefix(&object) else { return };
    assert_eq!(header_end, PROLOGUE + input.len());
    let _ = (record.session(), record.write_id(), record.segment_start(), record.identity_digest());
    let length = record.object_len(header_end);
    if verify_object(&object).is_ok() {
        assert_eq!(
            length.ok(),
            Some(object.len() as u64),
            "a whole object has the length that its header says"
        );
    }
}

/// Reads bytes as a manifest, as they are and as the header of one.
pub fn manifest(input: &[u8]) {
    let _ = Manifest::parse(input);
    let Ok(manifest) = Manifest::parse(&seal(MANIFEST, input, b"")) else { return };
    // A manifest may name features that this release can ignore and would not write; what it says stays.
    if let Ok(again) = manifest.encode() {
        let read = Manifest::parse(&again);
        assert!(read.is_ok_and(|read| read == manifest), "what was written is not what was read");
    }
}

/// Restores a delta whose steps and literals are the input, over a chain that is intact. Its first eight bytes say how
/// long the state is and how many of the bytes are steps.
pub fn ops(input: &[u8]) {
    if let Some(object) = delta_of(input) {
        let _ = restore(&object);
    }
}

/// Restores a snapshot whose header and body are the input, over a chain that is intact: two bytes with the length of
/// the header, the header, the body.
pub fn object(input: &[u8]) {
    if let Some(object) = whole(input) {
        let _ = restore(&object);
    }
}

/// The bytes that an input of [`ops`] or [`object`] may make a reader allocate: what its header promises for the state,
/// which is held twice at most, and for the frames.
#[must_use]
pub fn promised(input: &[u8], target: &str) -> u64 {
    let object = match target {
        "ops" => delta_of(input),
        "object" => whole(input),
        _ => None,
    };
    match object.map(|object| Record::parse_prefix(&object)) {
        Some(Ok(PrefixParse::Complete { record: Record::Snapshot(header), .. })) => {
            let frames = header.storage.frames.iter().map(|frame| frame.raw_len);
            let frames = frames.fold(0, u64::saturating_add);
            header.identity.content_length.saturating_add(frames).saturating_mul(2)
        }
        _ => 0,
    }
}

/// The object whose header and body an input of [`object`] is.
#[must_use]
pub fn whole(input: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    let (header, body) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some(seal(SNAPSHOT, header, body))
}

/// An object with right digests.
fn seal(magic: &[u8; 4], header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut object = Vec::with_capacity(PROLOGUE + header.len() + body.len() + TRAILER);
    object.extend_from_slice(magic);
    object.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    object.extend_from_slice(&u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes());
    let digest = Sha256::new().chain_update(&object).chain_update(header).finalize();
    object.extend_from_slice(&digest);
    object.extend_from_slice(header);
    object.extend_from_slice(body);
    let digest = Sha256::digest(&object);
    object.extend_from_slice(&[1, 32, 0]);
    object.extend_from_slice(&digest);
    object
}
