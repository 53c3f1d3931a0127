//! The exact bytes of version 1. A failure here means that stores of earlier releases no longer open.

use std::fmt::Write as _;

use persist_compression_gzip::{Gzip, GzipConfig};
use persist_plugin_api::CompressionAdapter as _;

use super::*;

/// `{"step":0}` as one gzip member.
const MEMBER: &str = "1f8b0800000000000203ab562a2e492d50b232a80500d09c02080a000000";

/// The snapshot with every optional field.
const FULL: &str = "\
    8950534f0100bf000000995b73c0926ecf870994921a151fa3955740a99bc1f16d1c421aa1506b72002f848080587a8d\
    6464656d6f6552756e2031051b000660ead7117600582049a64717d5d4cb19952e6eac2946415cf6879adacf9908e7d8\
    72332d32c6e6840501035820aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa6a746578\
    742f706c61696e66612073746570626e31a261616131616260583e850050bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb0480\
    8283030350b2d3da6f524e2498194717d153a5621e83020250bc7f92128ec1c4bc007613e34d772f395b312c325d0120\
    00362091027cf9e5f95353b09d1dd48d7f1f125f82284ad28f57b0d655e7d184b4";

/// A manifest that deletes the indices 0, 1, 2 and 7.
const MANIFEST: &str = "\
    8950534d01002b0000000da5533c7aa8c4e3d39e25c4bec2afb0f31ad1f35f72509f90c5187881ace0c4838080582686\
    50cccccccccccccccccccccccccccccccc036464656d6f6552756e20310082820003820701012000215d4b335454ad66\
    69f87a3ed72cb7504dd5565177153d8710531610f399a336";

fn example() -> Bytes {
    let state = br#"{"step":0}"#;
    let member = Bytes::from(unhex(MEMBER));
    let storage = Storage {
        write_id: WriteId(*b"0123456789abcdef"),
        segment_start: index(0),
        transforms: vec![Transform::named("gzip")],
        frames: vec![Frame { stored_len: member.len() as u64, raw_len: state.len() as u64, digest: None }],
        delta: None,
    };
    let header = Header::new(plain_identity(state), storage).unwrap();
    SnapshotObject::encode(&header, &[member]).unwrap()
}

/// The example's successor, `{"step":1}`, as a delta: copy 8 bytes, insert `1`, copy the brace after the `0`.
fn delta_example() -> Bytes {
    let state = br#"{"step":1}"#;
    let content = [0x11, 0x00, 0x02, 0x03, 0x02, b'1'];
    let first = SnapshotObject::parse(example()).unwrap();
    let frame = Gzip::open(GzipConfig::new()).unwrap().compress_with_prefix(br#"{"step":0}"#, &content);
    let frame = Bytes::from(frame.unwrap());
    let mut ancestors_digest = [0; 16];
    ancestors_digest.copy_from_slice(&Sha256::digest(first.digest())[..16]);
    let delta = Delta { ancestors: vec![index(0)], ancestors_digest, steps_len: 5, prefix_len: 10 };
    let storage = Storage {
        write_id: WriteId(*b"fedcba9876543210"),
        segment_start: index(0),
        transforms: vec![Transform::named("gzip")],
        frames: vec![Frame { stored_len: frame.len() as u64, raw_len: content.len() as u64, digest: None }],
        delta: Some(delta),
    };
    let identity = Identity {
        snapshot_index: index(1),
        timestamp: Timestamp::from_micros(1_795_411_608_123_456).unwrap(),
        parent: Some(index(0)),
        previous_identity: Some(first.header().identity_digest()),
        ..plain_identity(state)
    };
    SnapshotObject::encode(&Header::new(identity, storage).unwrap(), &[frame]).unwrap()
}

/// Sixteen bytes a line, with their offset and, where they are printable, their text.
fn dump(bytes: &[u8]) -> String {
    let mut dump = String::new();
    for (line, chunk) in bytes.chunks(16).enumerate() {
        let digits: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = chunk
            .iter()
            .map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' })
            .collect();
        writeln!(dump, "{:4}  {:47}  {text}", line * 16, digits.join(" ")).unwrap();
    }
    dump
}

#[test]
fn the_specification_shows_the_real_bytes() {
    let specification = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format.md"));
    let object = dump(&example());
    println!("{object}");
    assert!(specification.contains(&object), "docs/format.md does not hold the worked example");
    let object = dump(&delta_example());
    println!("{object}");
    assert!(specification.contains(&object), "docs/format.md does not hold the worked example of a delta");
}

#[test]
fn a_snapshot_has_known_bytes() {
    let (header, frames) = full_object();
    let object = SnapshotObject::encode(&header, &frames).unwrap();
    assert_eq!(hex(&object), FULL);
    assert_eq!(verify_object(&unhex(FULL)).unwrap().into_snapshot().unwrap(), header);
}

#[test]
fn a_manifest_has_known_bytes() {
    let manifest = full_manifest();
    assert_eq!(hex(&manifest.encode().unwrap()), MANIFEST);
    assert_eq!(Manifest::parse(&unhex(MANIFEST)).unwrap(), manifest);
}
