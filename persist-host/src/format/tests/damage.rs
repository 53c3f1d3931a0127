//! No byte of a stored object can change without reading it saying so.

use super::*;

fn assert_damage<T>(result: Result<T, FormatError>, what: &str) {
    match result {
        Ok(_) => panic!("{what}: accepted"),
        Err(error) => assert!(error.is_damage(), "{what}: {error}"),
    }
}

/// Flips every bit, cuts at every length, and appends; each has to read as damage and as nothing else.
pub(super) fn damage_everywhere<T>(object: &[u8], read: impl Fn(&[u8]) -> Result<T, FormatError>) {
    assert!(read(object).is_ok());
    for at in 0..object.len() {
        for bit in 0..8 {
            let mut damaged = object.to_vec();
            damaged[at] ^= 1 << bit;
            assert_damage(read(&damaged), &format!("bit {bit} of byte {at}"));
        }
        assert_damage(read(&object[..at]), &format!("cut to {at} bytes"));
    }
    for extra in [1, 35, 4096] {
        let longer = [object, &vec![0; extra]].concat();
        assert_damage(read(&longer), &format!("{extra} bytes more"));
    }
    let doubled = [object, object].concat();
    assert_damage(read(&doubled), "the object twice");
}

#[test]
fn of_a_snapshot_is_always_noticed() {
    let (header, frames) = full_object();
    let object = SnapshotObject::encode(&header, &frames).unwrap();
    damage_everywhere(&object, verify_object);
    damage_everywhere(&object, |bytes| SnapshotObject::parse(Bytes::copy_from_slice(bytes)));
}

#[test]
fn of_a_header_read_by_range_is_always_noticed() {
    let (header, frames) = full_object();
    let object = SnapshotObject::encode(&header, &frames).unwrap();
    let PrefixParse::NeedMore(end) = Record::parse_prefix(&object[..42]).unwrap() else { panic!() };
    for at in 0..end {
        for bit in 0..8 {
            let mut damaged = object[..end].to_vec();
            damaged[at] ^= 1 << bit;
            match Record::parse_prefix(&damaged) {
                Err(error) => assert!(error.is_damage(), "byte {at}: {error}"),
                // A longer header is announced; the range read that follows shows that it is not there.
                Ok(PrefixParse::NeedMore(needed)) => assert!(needed > end && (6..10).contains(&at)),
                Ok(PrefixParse::Complete { .. }) => panic!("byte {at}: accepted"),
            }
        }
    }
}

#[test]
fn of_a_manifest_is_always_noticed() {
    let manifest = Manifest {
        write_id: WriteId([0xcc; 16]),
        seq: 1,
        session: "a/b".parse().unwrap(),
        boundary: 0,
        deleted: [0, 1, 7].map(index).into_iter().collect(),
        ..full_manifest()
    };
    damage_everywhere(&manifest.encode().unwrap(), Manifest::parse);
}

#[test]
fn of_the_content_is_noticed_behind_intact_digests() {
    // A writer that stored other bytes than it hashed: every digest of the object itself is right.
    let (header, _) = full_object();
    let header = header.encode().unwrap();
    let object = seal(b"\x89PSO", &header, b"[1,3]");
    assert!(SnapshotObject::parse(object.clone().into()).is_ok());
    assert_damage(verify_object(&object), "another content");
}

#[test]
fn of_the_trailer_is_noticed_behind_an_intact_digest() {
    let (header, frames) = full_object();
    let object = SnapshotObject::encode(&header, &frames).unwrap();
    let covered = object.len() - 35;
    let mut other = object.to_vec();
    other[covered] = 2;
    let error = verify_object(&other).unwrap_err();
    assert!(error.to_string().contains("trailer starts with [02, 20, 00]"), "{error}");
}
