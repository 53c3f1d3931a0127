//! Objects of every kind, changed and cut off everywhere.

use super::*;

fn object(magic: &[u8; 4], version: u16, header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut object = magic.to_vec();
    object.extend_from_slice(&version.to_le_bytes());
    object.extend_from_slice(&u32::try_from(header.len()).unwrap().to_le_bytes());
    let digest = Sha256::new().chain_update(&object).chain_update(header).finalize();
    object.extend_from_slice(&digest);
    object.extend_from_slice(header);
    object.extend_from_slice(body);
    let digest = Sha256::digest(&object);
    object.extend_from_slice(&TRAILER);
    object.extend_from_slice(&digest);
    object
}

/// The header of a record of a kind, with the write id 16 × `id`.
fn header(kind: u8, id: u8) -> Vec<u8> {
    let mut storage = vec![0x83, kind, 0x50];
    storage.extend_from_slice(&[id; 16]);
    storage.push(0xf6);
    // A required feature, no optional one, an identity of two bytes.
    let mut header = vec![0x84, 0x81, 0x82, 0x61, b'x', 0x61, b'y', 0x80, 0x42, 0, 0, 0x58];
    header.push(u8::try_from(storage.len()).unwrap());
    header.extend_from_slice(&storage);
    header
}

fn record(kind: u8, id: u8) -> Vec<u8> {
    object(b"\x89PSO", 1, &header(kind, id), if kind == 0 { b"a body" } else { b"" })
}

#[test]
fn every_changed_byte_and_every_cut_is_damage() {
    let whole = record(0, 7);
    assert_eq!(check(&whole), Condition::Intact(Some(Record { is_stub: false, write_id: [7; 16] })));
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        let expected = if at < 4 { Condition::Unknown } else { Condition::Damaged };
        assert_eq!(check(&changed), expected, "byte {at}");
        assert_eq!(check(&whole[..at]), Condition::Damaged, "cut at {at}");
    }
    assert_eq!(check(&[whole.as_slice(), b"more"].concat()), Condition::Damaged);
}

#[test]
fn the_other_kinds_are_checked_and_other_forms_are_not_judged() {
    for magic in [b"\x89PSM", b"\x89PSA", b"\x89PSN"] {
        let whole = object(magic, 1, b"any header", b"");
        assert_eq!(check(&whole), Condition::Intact(None));
        assert_eq!(check(&whole[..whole.len() - 1]), Condition::Damaged);
    }
    let later = object(b"\x89PSO", 2, b"any header", b"a body");
    assert_eq!(check(&later), Condition::Unknown);
    for other in [&b"{}"[..], b"of another program", &[0; 100]] {
        assert_eq!(check(other), Condition::Unknown);
    }
    // A header that is not understood is whole nevertheless.
    assert_eq!(check(&object(b"\x89PSO", 1, &[0x9f, 0xff], b"")), Condition::Intact(None));
    assert_eq!(check(&object(b"\x89PSO", 1, &[0x81; 99], b"")), Condition::Intact(None));
}

#[test]
fn only_a_stub_for_this_snapshot_or_a_whole_object_for_a_damaged_one_supersedes() {
    let [snapshot, other, stub, seal] =
        [(0, 7), (0, 8), (2, 7), (1, 7)].map(|(kind, id)| check(&record(kind, id)));
    assert!(stub.is_stub() && !seal.is_stub() && !snapshot.is_stub());
    assert!(stub.supersedes(snapshot) && !stub.supersedes(other));
    for one in [snapshot, seal] {
        assert!(!one.supersedes(stub) && !one.supersedes(other), "{one:?}");
        assert!(one.supersedes(Condition::Damaged) && !one.supersedes(Condition::Unknown));
        assert!(!Condition::Damaged.supersedes(one) && !Condition::Unknown.supersedes(one));
    }
    assert!(!Condition::Damaged.supersedes(Condition::Damaged));
    let manifests = [b"one", b"two"].map(|header| check(&object(b"\x89PSM", 1, header, b"")));
    assert!(!manifests[0].supersedes(manifests[1]), "neither stands for the other");
}

#[tokio::test]
async fn large_objects_are_checked_alike() {
    let mut large = object(b"\x89PSO", 1, &header(0, 7), &vec![1; LARGE]);
    assert_eq!(Condition::of(&large.clone().into()).await, check(&large));
    large[LARGE / 2] ^= 1;
    assert_eq!(Condition::of(&large.into()).await, Condition::Damaged);
}
