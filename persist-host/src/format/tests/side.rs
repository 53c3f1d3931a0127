//! Attachments and claims: their exact bytes, damage to them, and hostile ones.

use super::damage::damage_everywhere;
use super::hostile::section;
use super::*;
use crate::AttachmentName;

/// An attachment with every field, in two frames without a codec.
fn attachment() -> (Attachment, Vec<Bytes>) {
    let frames = vec![Bytes::from_static(b"[1,"), Bytes::from_static(b"2]")];
    let storage = Storage { segment_start: index(5), ..full_object().0.storage };
    let attachment = Attachment {
        session: "demo/Run 1".parse().unwrap(),
        snapshot_index: index(5),
        name: AttachmentName::parse("task 7").unwrap(),
        version: 2,
        timestamp: Timestamp::from_micros(1_795_411_607_123_456).unwrap(),
        content_hash: ContentHash::of(b"[1,2]"),
        content_length: 5,
        media_type: Some("application/json".into()),
        storage,
    };
    (attachment, frames)
}

fn claim() -> Claim {
    Claim {
        write_id: WriteId([0xcc; 16]),
        session: "demo/Run 1".parse().unwrap(),
        name: SnapshotName::parse("n1").unwrap(),
        number: 3,
        search_from: index(7),
    }
}

fn parse(object: &[u8]) -> Result<AttachmentObject, FormatError> {
    AttachmentObject::parse(Bytes::copy_from_slice(object))
}

#[test]
fn attachments_round_trip() {
    let (attachment, frames) = attachment();
    let object = attachment.encode(&frames).unwrap();
    let parsed = parse(&object).unwrap();
    assert_eq!(parsed.attachment(), &attachment);
    assert_eq!(parsed.stored_bytes(), object.len() as u64);
    assert_eq!(parsed.frames().map(|(_, stored)| stored).collect::<Vec<_>>(), frames);
    attachment.expect_content(b"[1,2]").unwrap();
    assert!(attachment.expect_content(b"[1,3]").unwrap_err().is_damage());
    // Neither is a snapshot's object.
    assert!(verify_object(&object).unwrap_err().is_damage());
    assert!(verify_object(&claim().encode().unwrap()).unwrap_err().is_damage());
}

#[test]
fn claims_round_trip() {
    let claim = claim();
    let parsed = Claim::parse(&claim.encode().unwrap()).unwrap();
    assert_eq!(parsed, claim);
    parsed.expect(&claim.session, &claim.name, 3).unwrap();
    assert!(parsed.expect(&claim.session, &claim.name, 4).unwrap_err().is_damage());
    assert!(parsed.expect(&claim.session, &SnapshotName::parse("n2").unwrap(), 3).is_err());
    assert!(parsed.expect(&"demo/other".parse().unwrap(), &claim.name, 3).is_err());
}

#[test]
fn what_breaks_a_rule_is_not_written() {
    let (valid, frames) = attachment();
    let refused = |change: &dyn Fn(&mut Attachment)| {
        let mut attachment = valid.clone();
        change(&mut attachment);
        let error = attachment.encode(&frames).unwrap_err();
        assert!(matches!(error, FormatError::Unencodable { .. }), "{error}");
    };
    refused(&|attachment| attachment.version = Attachment::MAX_VERSION + 1);
    refused(&|attachment| attachment.content_length += 1);
    refused(&|attachment| attachment.storage.segment_start = index(4));
    refused(&|attachment| attachment.storage.frames[0].stored_len += 1);
    assert!(valid.encode(&frames[..1]).is_err());
    assert!(Claim { number: Claim::MAX_NUMBER + 1, ..claim() }.encode().is_err());
}

#[test]
fn damage_is_always_noticed() {
    let (attachment, frames) = attachment();
    damage_everywhere(&attachment.encode(&frames).unwrap(), parse);
    damage_everywhere(&claim().encode().unwrap(), Claim::parse);
}

#[test]
fn a_hostile_header_is_damage() {
    let (valid, _) = attachment();
    let storage = valid.storage.encode(index(5)).unwrap();
    let object = |index: u64, name: &str, version: u64, storage: &[u8], body: &[u8]| {
        let identity = section(|to| {
            to.array(8).unwrap().str("demo").unwrap().str("s").unwrap().u64(index).unwrap();
            to.str(name).unwrap().u64(version).unwrap().i64(0).unwrap().bytes(&[0; 32]).unwrap();
            to.u64(5).unwrap();
        });
        let header = section(|to| {
            to.array(4).unwrap().array(0).unwrap().array(0).unwrap();
            to.bytes(&identity).unwrap().bytes(storage).unwrap();
        });
        seal(b"\x89PSA", &header, body)
    };
    assert!(parse(&object(5, "n", 0, &storage, b"[1,2]")).is_ok());
    for (object, part) in [
        (object(10_000_000_000, "n", 0, &storage, b"[1,2]"), "snapshot_index"),
        (object(5, "", 0, &storage, b"[1,2]"), "name"),
        (object(5, "n", 10_000_000_000, &storage, b"[1,2]"), "more than ten digits"),
        (object(5, "n", 0, &storage, b"[1,2"), "truncated"),
        (object(5, "n", 0, &storage, b"[1,2]]"), "1 bytes follow its end"),
        (object(5, "n", 0, b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", b""), "storage section"),
    ] {
        let error = parse(&object).unwrap_err();
        assert!(error.is_damage() && error.to_string().contains(part), "{part}: {error}");
    }
    // The storage section of a snapshot that is a delta, or that lies in a segment.
    let in_segment = Storage { segment_start: index(4), ..valid.storage.clone() }.encode(index(5)).unwrap();
    let error = parse(&object(5, "n", 0, &in_segment, b"[1,2]")).unwrap_err();
    assert!(error.to_string().contains("builds on other objects"), "{error}");
}

#[test]
fn what_a_later_release_requires_is_refused_by_name() {
    for magic in [b"\x89PSA", b"\x89PSN"] {
        let header = section(|to| {
            to.array(4).unwrap().array(1).unwrap();
            to.array(2).unwrap().str("seals").unwrap().str("0.9.0").unwrap();
            to.array(0).unwrap().bytes(b"").unwrap().bytes(b"").unwrap();
        });
        let object = seal(magic, &header, b"");
        let error = match magic {
            b"\x89PSA" => parse(&object).unwrap_err(),
            _ => Claim::parse(&object).unwrap_err(),
        };
        assert!(
            matches!(&error, FormatError::UnknownFeature { release, .. } if release == "0.9.0"),
            "{error}"
        );
    }
}
