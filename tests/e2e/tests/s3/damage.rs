use persist_e2e::{Persist, json_lines, s3::Bucket};

/// Where the second snapshot of the session lies.
const KEY: &str = "agents/agent/session/d/0000000001";

fn two_snapshots() -> (Bucket, Persist, Vec<u8>) {
    let bucket = Bucket::new("damage");
    let persist = bucket.persist();
    for step in 0..2 {
        persist.save("agent/session", format!(r#"{{"step":{step},"text":"{}"}}"#, "some words ".repeat(50)));
    }
    let object = bucket.object(KEY);
    (bucket, persist, object)
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let (bucket, persist, object) = two_snapshots();
    // Both ends, where the prologue and the trailer are, and every place in between that a coarse step meets.
    let places = (0..8).chain((8..object.len() - 8).step_by(23)).chain(object.len() - 8..object.len());
    for place in places {
        let mut damaged = object.clone();
        damaged[place] ^= 0x10;
        bucket.overwrite(KEY, &damaged);
        let restored = persist.run(["restore", "agent/session@1", "--json"]);
        assert_eq!(restored.code(), Some(4), "byte {place} of {}: {restored}", object.len());
        assert!(restored.stdout.is_empty(), "byte {place}: {restored}");
        drop(restored.says(["agent/session@1", KEY]));
    }
    let verified = persist.run(["verify", "--json"]).expect_code(4);
    let rows = json_lines(&verified.stdout);
    let damaged: Vec<_> = rows.iter().filter(|row| !row["error"].is_null()).collect();
    assert_eq!(damaged.len(), 1, "{verified}");
    assert_eq!(damaged[0]["key"], KEY);

    // The neighbour is whole, and so is the object once its bytes are back.
    drop(persist.ok(["restore", "agent/session@0"]));
    bucket.overwrite(KEY, &object);
    drop(persist.ok(["verify"]));
}

#[test]
fn a_truncated_object_is_found() {
    let (bucket, persist, object) = two_snapshots();
    for length in [0, 1, 40, object.len() / 2, object.len() - 1] {
        bucket.overwrite(KEY, &object[..length]);
        drop(persist.run(["restore", "agent/session@1"]).expect_code(4).says(["agent/session@1", KEY]));
        drop(persist.run(["verify"]).expect_code(4));
    }
    bucket.overwrite(KEY, &[&object[..], b"\0"].concat());
    drop(persist.run(["restore", "agent/session@1"]).expect_code(4).says([KEY]));
}
