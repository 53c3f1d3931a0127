//! Objects whose digests are right and whose contents are not: reading them must neither panic nor allocate
//! by their word.

use minicbor::Encoder;
use proptest::prelude::*;

use super::*;

pub(super) type Section = Encoder<Vec<u8>>;

pub(super) fn section(write: impl Fn(&mut Section)) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder);
    encoder.into_writer()
}

fn object(identity: &[u8], storage: &[u8], body: &[u8]) -> Vec<u8> {
    let header = section(|to| {
        to.array(4).unwrap().array(0).unwrap().array(0).unwrap();
        to.bytes(identity).unwrap().bytes(storage).unwrap();
    });
    seal(b"\x89PSO", &header, body)
}

/// The storage section of an object with the given frames of `[stored, raw]` lengths.
fn storage(kind: u64, frames: &[(u64, u64)]) -> Vec<u8> {
    section(|to| {
        to.array(5).unwrap().u64(kind).unwrap().bytes(&[1; 16]).unwrap().null().unwrap();
        to.array(1).unwrap().array(1).unwrap().str("gzip").unwrap();
        to.array(frames.len() as u64).unwrap();
        for (stored, raw) in frames {
            let single = frames.len() == 1;
            to.array(if single { 2 } else { 3 }).unwrap().u64(*stored).unwrap().u64(*raw).unwrap();
            if !single {
                to.bytes(&[0; 16]).unwrap();
            }
        }
    })
}

fn corrupt(object: &[u8], part: &str) {
    let error = verify_object(object).unwrap_err();
    assert!(error.is_damage() && error.to_string().contains(part), "{error}");
}

#[test]
fn unknown_features_and_kinds_are_refused_by_name() {
    let identity = plain_identity(b"").encode().unwrap();
    let header = section(|to| {
        to.array(4).unwrap().array(1).unwrap();
        to.array(2).unwrap().str("deltas").unwrap().str("0.2.0").unwrap();
        to.array(0).unwrap().bytes(b"later releases may store anything here").unwrap().bytes(b"").unwrap();
    });
    let error = verify_object(&seal(b"\x89PSO", &header, b"")).unwrap_err();
    assert!(
        matches!(&error, FormatError::UnknownFeature { name, release } if name == "deltas" && release == "0.2.0"),
        "{error}"
    );
    let error = verify_object(&object(&identity, &storage(9, &[]), b"")).unwrap_err();
    assert!(matches!(error, FormatError::UnknownKind { kind: 9 }), "{error}");
    let header = section(|to| {
        to.array(3).unwrap().array(1).unwrap();
        to.array(2).unwrap().str("locks").unwrap().str("0.4.0").unwrap();
        to.array(0).unwrap().bytes(b"").unwrap();
    });
    let error = Manifest::parse(&seal(b"\x89PSM", &header, b"")).unwrap_err();
    assert!(matches!(error, FormatError::UnknownFeature { .. }), "{error}");
}

#[test]
fn optional_features_and_later_fields_are_ignored() {
    let mut identity = plain_identity(b"").encode().unwrap();
    // Seven fields become fifteen: the seven optional ones as null, then one that this release does not know.
    assert_eq!(identity[0], 0x87);
    identity[0] = 0x8f;
    identity.extend_from_slice(&[0xf6; 7]);
    identity.extend_from_slice(b"\x81\xa1\x61x\x9f\x01\xff");
    let header = section(|to| {
        to.array(5).unwrap().array(0).unwrap();
        to.array(1).unwrap().array(3).unwrap().str("hints").unwrap().str("0.3.0").unwrap().u8(9).unwrap();
        to.bytes(&identity).unwrap().bytes(&storage(0, &[])).unwrap().str("more").unwrap();
    });
    let header = verify_object(&seal(b"\x89PSO", &header, b"")).unwrap().into_snapshot().unwrap();
    assert_eq!(header.identity, plain_identity(b""));
    assert_eq!(header.identity_bytes, identity);
    assert_eq!(header.optional, [Feature { name: "hints".into(), release: "0.3.0".into() }]);
}

#[test]
fn lengths_that_do_not_add_up_are_damage() {
    let identity = |length| Identity { content_length: length, ..plain_identity(b"") }.encode().unwrap();
    corrupt(&object(&identity(1), &storage(0, &[]), b""), "its frames hold 0 bytes");
    corrupt(&object(&identity(1), &storage(0, &[(1, 2)]), b"x"), "its frames hold 2 bytes");
    corrupt(&object(&identity(0), &storage(0, &[(0, 1), (0, u64::MAX)]), b""), "more than 2^64");
    corrupt(&object(&identity(0), &storage(0, &[(u64::MAX, 0)]), b""), "more than 2^64");
    corrupt(&object(&identity(0), &storage(0, &[(u64::MAX, 0), (1, 0)]), b""), "more than 2^64");
    corrupt(&object(&identity(0), &storage(0, &[(1 << 40, 0)]), b""), "truncated");
    corrupt(&object(&identity(0), &storage(0, &[(0, 0)]), b"x"), "1 bytes follow its end");
    assert!(verify_object(&object(&identity(0), &storage(0, &[(1, 0)]), b"x")).is_ok());
}

#[test]
fn announced_counts_cost_nothing() {
    // An array of 2^64 - 1 frames, and one of as many features.
    let storage = [&b"\x85\x00\x50"[..], &[1; 16], b"\xf6\x80\x9b\xff\xff\xff\xff\xff\xff\xff\xff"].concat();
    let identity = plain_identity(b"").encode().unwrap();
    corrupt(&object(&identity, &storage, b""), "the frame is not an array");
    corrupt(
        &seal(b"\x89PSO", b"\x84\x9b\xff\xff\xff\xff\xff\xff\xff\xff", b""),
        "the feature is not an array",
    );
    corrupt(&seal(b"\x89PSO", b"\x84\x9f\xff", b""), "indefinite length");
    // A deep nest in a field that is skipped.
    let deep = [&b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x80\x80\x40\x40"[..], &[0x81; 1 << 20]].concat();
    assert!(verify_object(&seal(b"\x89PSO", &deep, b"")).unwrap_err().is_damage());
}

#[test]
fn values_out_of_range_are_damage() {
    let valid = plain_identity(b"").encode().unwrap();
    let storage = storage(0, &[]);
    let replace = |from: &[u8], to: &[u8]| {
        let at = valid.windows(from.len()).position(|window| window == from).unwrap();
        [&valid[..at], to, &valid[at + from.len()..]].concat()
    };
    corrupt(&object(&replace(b"\x64demo", b"\x60"), &storage, b""), "invalid agent_id");
    corrupt(&object(&replace(b"\x65Run 1", b"\x65Run\n1"), &storage, b""), "invalid session_id");
    corrupt(&object(&replace(b"\x65Run 1", b"\x45Run 1"), &storage, b""), "malformed field session_id");
    corrupt(
        &object(&replace(b"Run 1\x00", b"Run 1\x1b\x00\x00\x00\x02\x54\x0b\xe4\x00"), &storage, b""),
        "snapshot_index",
    );
    let parent = [&b"\x88"[..], &valid[1..], b"\x01"].concat();
    corrupt(&object(&parent, &storage, b""), "its parent 0 is not before its index 0");
    let labels = [&b"\x8d"[..], &valid[1..], b"\xf6\xf6\xf6\xf6\xf6\xa2\x61b\x60\x61a\x60"].concat();
    corrupt(&object(&labels, &storage, b""), "malformed field labels");
    corrupt(&object(&[&valid[..], b"\x00"].concat(), &storage, b""), "1 bytes follow the identity");
}

#[test]
fn ranges_of_a_manifest_are_checked() {
    let manifest = |ranges: &[(u64, u64)]| {
        let fields = section(|to| {
            to.array(6).unwrap().bytes(&[1; 16]).unwrap().u8(1).unwrap().str("a").unwrap().str("b").unwrap();
            to.u8(0).unwrap().array(ranges.len() as u64).unwrap();
            for (first, length) in ranges {
                to.array(2).unwrap().u64(*first).unwrap().u64(*length).unwrap();
            }
        });
        let header = section(|to| {
            to.array(3).unwrap().array(0).unwrap().array(0).unwrap().bytes(&fields).unwrap();
        });
        Manifest::parse(&seal(b"\x89PSM", &header, b""))
    };
    // Ten thousand million deleted snapshots are one range in memory too.
    let all = manifest(&[(0, 10_000_000_000)]).unwrap();
    assert_eq!(all.deleted.len(), 10_000_000_000);
    assert!(all.deleted.contains(SnapshotIndex::MAX));
    for ranges in [
        &[(0, 0)][..],
        &[(0, 10_000_000_001)],
        &[(u64::MAX, 2)],
        &[(5, 1), (3, 1)],
        &[(3, 3), (5, 1)],
        &[(3, 2), (5, 1)],
    ] {
        assert!(manifest(ranges).unwrap_err().is_damage(), "{ranges:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify_object(&bytes).is_err());
        prop_assert!(Manifest::parse(&bytes).is_err());
        prop_assert!(Marker::parse(&bytes).is_err());
        // The same behind intact digests, where the decoder gets to see them.
        let _ = verify_object(&seal(b"\x89PSO", &bytes, b""));
        let _ = Manifest::parse(&seal(b"\x89PSM", &bytes, b""));
        let _ = Identity::decode(&bytes);
        let _ = Storage::decode(&bytes, index(5));
    }

    #[test]
    fn mutated_headers_never_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let (header, frames) = full_object();
        let body = frames.concat();
        let mut bytes = header.encode().unwrap();
        for (at, value) in &edits {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        // What is accepted after an edit still has to keep the rules of the format.
        if let Ok(Record::Snapshot(header)) = verify_object(&seal(b"\x89PSO", &bytes, &body)) {
            prop_assert!(Header::new(header.identity, header.storage).is_ok());
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(verify_object(&seal(b"\x89PSO", &bytes, &body)).is_err());
    }
}
