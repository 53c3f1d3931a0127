//! Stored bytes that are not what was stored.

use std::{fs, path::PathBuf};

use persist_e2e::{Persist, contents, json_lines};

const KEY: &str = "agents/a/s/d/0000000001";

/// A session of three snapshots, and the file of the middle one.
fn three_snapshots() -> (Persist, PathBuf) {
    let persist = Persist::new();
    for state in ["{\"step\":0}", "{\"step\":1}", "{\"step\":2}"] {
        persist.save("a/s", state);
    }
    let file = persist.store_dir().join(KEY);
    (persist, file)
}

/// Replaces a stored object, which nobody else does.
fn replace(file: &PathBuf, bytes: &[u8]) {
    fs::remove_file(file).expect("a stored object");
    fs::write(file, bytes).expect("a damaged object");
}

#[test]
fn a_flipped_bit_in_any_byte_is_found() {
    let (persist, file) = three_snapshots();
    let intact = fs::read(&file).unwrap();
    assert!(intact.len() < 300, "small enough to try every byte: {}", intact.len());
    for position in 0..intact.len() {
        let mut damaged = intact.clone();
        damaged[position] ^= 1 << (position % 8);
        replace(&file, &damaged);
        let output = persist.run(["restore", "a/s@1"]);
        assert_eq!(output.code(), Some(4), "byte {position}: {output}");
        let output = output.says(["a/s@1", KEY]);
        assert_eq!(output.text(), "", "byte {position}: nothing of a damaged state is given out");
    }
}

#[test]
fn verify_lists_exactly_what_is_damaged() {
    let (persist, file) = three_snapshots();
    let intact = fs::read(&file).unwrap();
    // In the prologue, the header, the body and the trailer.
    for position in [4, 60, intact.len() - 45, intact.len() - 1] {
        let mut damaged = intact.clone();
        damaged[position] ^= 0xff;
        replace(&file, &damaged);
        let output = persist.run(["verify", "--json"]).expect_code(4);
        let rows = json_lines(&output.stdout);
        let ok: Vec<_> = rows.iter().map(|row| row["ok"].as_bool().unwrap()).collect();
        assert_eq!(ok, [true, false, false], "byte {position}: {output}");
        assert_eq!((&rows[1]["key"], &rows[1]["snapshot_index"]), (&KEY.into(), &1.into()));
        assert_eq!(rows[1]["error"]["code"], "object_damaged");
        // The last one is intact and builds on it.
        let error = &rows[2]["error"];
        assert_eq!(
            (&error["code"], &error["context"]["damaged_key"]),
            (&"ancestor_damaged".into(), &KEY.into())
        );
        let output = persist.run(["verify"]).expect_code(4).says(["a/s@1", KEY, "a/s@2"]);
        assert_eq!(output.text(), "checked 3 objects: 1 intact, 1 damaged, 1 that build on damaged ones\n");
        let _ = persist.run(["verify", "--read-data"]).expect_code(4).says(["a/s@1", KEY]);
        let _ = persist.run(["verify", "a/s@1"]).expect_code(4);
        let _ = persist.ok(["verify", "a/s@0", "--read-data"]);
        assert_eq!(persist.ok(["restore", "a/s@0"]).text(), "{\"step\":0}");
        let _ = persist.run(["restore", "a/s"]).expect_code(4).says(["a/s@1", KEY]);
    }
    replace(&file, &intact);
    let _ = persist.ok(["verify"]);
}

#[test]
fn a_damaged_header_is_never_shown_as_truth() {
    let (persist, file) = three_snapshots();
    let mut damaged = fs::read(&file).unwrap();
    // The agent's id in the header, which the listing would print.
    let ids = damaged.windows(4).position(|window| window == b"\x61a\x61s").unwrap();
    damaged[ids + 1] = b'b';
    replace(&file, &damaged);
    let _ = persist.run(["show", "a/s@1"]).expect_code(4).says(["a/s@1", KEY]);
    let output = persist.run(["list", "--json"]).expect_code(4);
    let indices: Vec<_> =
        json_lines(&output.stdout).iter().map(|row| row["snapshot_index"].clone()).collect();
    assert_eq!(indices, [0, 2], "the others are listed: {output}");
    let _ = output.says(["a/s@1", KEY]);
}

#[test]
fn truncated_and_extended_objects_are_found() {
    let (persist, file) = three_snapshots();
    let intact = fs::read(&file).unwrap();
    for length in [0, 1, 9, 41, 42, 100, intact.len() - 36, intact.len() - 35, intact.len() - 1] {
        replace(&file, &intact[..length]);
        let _ = persist.run(["restore", "a/s@1"]).expect_code(4).says(["a/s@1", KEY]);
        let _ = persist.run(["verify", "a/s@1"]).expect_code(4);
    }
    replace(&file, &[intact.as_slice(), b"\0"].concat());
    let _ = persist.run(["restore", "a/s@1"]).expect_code(4).says(["a/s@1", KEY]);
    // Intact by itself, and at the wrong place.
    replace(&file, &fs::read(persist.store_dir().join("agents/a/s/d/0000000002")).unwrap());
    let _ = persist.run(["restore", "a/s@1"]).expect_code(4).says(["a/s@1", KEY]);
}

#[test]
fn an_object_that_is_gone_is_damage_and_not_a_deletion() {
    let (persist, file) = three_snapshots();
    fs::remove_file(&file).unwrap();
    let _ = persist.run(["restore", "a/s@1"]).expect_code(4).says(["a/s@1", KEY]);
}

#[test]
fn damage_to_the_newest_does_not_stop_the_next_save() {
    let (persist, _) = three_snapshots();
    let file = persist.store_dir().join("agents/a/s/d/0000000002");
    replace(&file, b"rubbish");
    let _ = persist.run(["restore", "a/s"]).expect_code(4).says(["a/s@2"]);
    assert_eq!(persist.save("a/s", "3")["snapshot_index"], 3);
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "3");
    assert_eq!(fs::read(&file).unwrap(), b"rubbish", "evidence stays where it is");
}

#[test]
fn a_damaged_state_is_not_written_to_a_file() {
    let (persist, file) = three_snapshots();
    let mut damaged = fs::read(&file).unwrap();
    let position = damaged.len() - 45;
    damaged[position] ^= 0xff;
    replace(&file, &damaged);
    let mine = persist.write("work/state.json", "mine");
    let _ = persist.run(["restore", "a/s@1", "-o", "state.json", "--force"]).expect_code(4);
    let _ = persist.run(["restore", "a/s@1", "-o", "other.json"]).expect_code(4);
    let left = contents(&persist.work_dir());
    assert_eq!(left.len(), 1);
    assert_eq!(fs::read(mine).unwrap(), b"mine");
}

#[test]
fn a_damaged_store_marker_is_found() {
    let (persist, _) = three_snapshots();
    let file = persist.store_dir().join("persist-store.json");
    let text = fs::read_to_string(&file).unwrap();
    replace(&file, text.replacen("\"required_features\": []", "\"required_features\":[ ]", 1).as_bytes());
    let _ = persist.run(["list"]).expect_code(4).says(["persist-store.json"]);
    let _ = persist.run_with_input(["save", "a/s", "-"], "1").expect_code(4);
}

#[test]
fn a_damaged_manifest_hides_no_deletion() {
    let (persist, _) = three_snapshots();
    let _ = persist.ok(["delete", "a/s@1", "--yes"]);
    let file = persist.store_dir().join("agents/a/s/m/0000000001");
    let mut damaged = fs::read(&file).unwrap();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    replace(&file, &damaged);
    let output = persist.run(["restore", "a/s@1"]).expect_code(4);
    let _ = output.says(["agents/a/s/m/0000000001"]);
    let _ = persist.run(["verify"]).expect_code(4).says(["agents/a/s/m/0000000001"]);
}
