//! Intact objects of later releases.

use std::fs;

use persist_e2e::{Persist, contents, json_lines};
use persist_host::ContentHash;

const KEY: &str = "agents/a/s/d/0000000001";
const PROLOGUE: usize = 42;
const TRAILER: usize = 35;

/// An object's parts, to be put together again with right digests.
struct Parts {
    version: u16,
    header: Vec<u8>,
    body: Vec<u8>,
}

impl Parts {
    fn of(object: &[u8]) -> Self {
        let length = u32::from_le_bytes([object[6], object[7], object[8], object[9]]) as usize;
        Self {
            version: u16::from_le_bytes([object[4], object[5]]),
            header: object[PROLOGUE..PROLOGUE + length].to_vec(),
            body: object[PROLOGUE + length..object.len() - TRAILER].to_vec(),
        }
    }

    fn join(&self) -> Vec<u8> {
        let mut object = b"\x89PSO".to_vec();
        object.extend(self.version.to_le_bytes());
        object.extend(u32::try_from(self.header.len()).unwrap_or(u32::MAX).to_le_bytes());
        object.extend(digest(&[object.as_slice(), &self.header].concat()));
        object.extend(&self.header);
        object.extend(&self.body);
        let whole = digest(&object);
        object.extend([1, 32, 0]);
        object.extend(whole);
        object
    }
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    let text = ContentHash::of(bytes).to_string();
    let byte = |position: usize| u8::from_str_radix(&text[position..position + 2], 16).unwrap_or_default();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// A CBOR text of less than 24 bytes.
fn text(text: &str) -> Vec<u8> {
    assert!(text.len() < 24);
    let mut bytes = vec![0x60 | u8::try_from(text.len()).unwrap_or_default()];
    bytes.extend(text.as_bytes());
    bytes
}

/// The list of one feature, as a header holds it.
fn feature() -> Vec<u8> {
    [vec![0x81, 0x82], text("time-travel"), text("7.3.0")].concat()
}

/// A session of three snapshots whose middle one was changed as `change` says.
fn changed(change: impl Fn(&mut Parts)) -> Persist {
    let persist = Persist::new();
    for state in ["0", "1", "2"] {
        persist.save("a/s", state);
    }
    let file = persist.store_dir().join(KEY);
    let object = fs::read(&file).expect("a stored object");
    let mut parts = Parts::of(&object);
    assert_eq!(parts.join(), object, "taken apart and put together again");
    change(&mut parts);
    fs::remove_file(&file).expect("a stored object");
    fs::write(&file, parts.join()).expect("a changed object");
    persist
}

fn is_refused_by_naming(persist: &Persist, names: [&str; 2]) {
    let before = contents(&persist.store_dir());
    for verb in ["restore", "show", "verify"] {
        let _ = persist.run([verb, "a/s@1"]).expect_code(1).says(["a/s@1"]).says(names);
    }
    let output = persist.run(["list", "--json"]).expect_code(1).says(names);
    assert_eq!(json_lines(&output.stdout).len(), 2, "the others are listed: {output}");
    assert_eq!(persist.ok(["restore", "a/s@0"]).text(), "0");
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "2");
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn an_unknown_format_version_names_itself() {
    let persist = changed(|parts| parts.version = 2);
    is_refused_by_naming(&persist, ["version 2", "install"]);
}

#[test]
fn an_unknown_format_version_names_its_release_if_the_header_does() {
    let persist = changed(|parts| {
        parts.version = 9;
        parts.header = [&[0x84][..], &feature(), &parts.header[2..]].concat();
    });
    is_refused_by_naming(&persist, ["version 9", "7.3.0"]);
}

#[test]
fn an_unknown_required_feature_names_its_release() {
    let persist = changed(|parts| parts.header = [&[0x84][..], &feature(), &parts.header[2..]].concat());
    is_refused_by_naming(&persist, ["time-travel", "7.3.0"]);
}

#[test]
fn an_unknown_optional_feature_is_ignored() {
    let persist =
        changed(|parts| parts.header = [&[0x84, 0x80][..], &feature(), &parts.header[3..]].concat());
    assert_eq!(persist.ok(["restore", "a/s@1"]).text(), "1");
    let _ = persist.ok(["verify"]);
}

#[test]
fn an_unknown_layout_of_the_store_names_its_release_and_nothing_is_saved() {
    let persist = Persist::new();
    persist.save("a/s", "0");
    let file = persist.store_dir().join("persist-store.json");
    let marker = fs::read_to_string(&file).unwrap();
    for (old, new, named) in [
        ("\"persist_store\": 1,", "\"persist_store\": 2,\n  \"min_release\": \"7.3.0\",", "version 2"),
        (
            "\"required_features\": []",
            "\"required_features\": [{\"name\": \"time-travel\", \"release\": \"7.3.0\"}]",
            "time-travel",
        ),
    ] {
        assert!(marker.contains(old), "{marker}");
        let changed = marker.replacen(old, new, 1);
        let covered = &changed[..changed.find("  \"sha256\"").unwrap()];
        let sealed = format!("{covered}  \"sha256\": \"{}\"\n}}\n", ContentHash::of(covered.as_bytes()));
        fs::remove_file(&file).unwrap();
        fs::write(&file, sealed).unwrap();
        let before = contents(&persist.store_dir());
        for arguments in [&["list"][..], &["restore", "a/s"], &["verify"], &["delete", "a/s@0", "--yes"]] {
            let _ = persist.run(arguments).expect_code(1).says([named, "7.3.0"]);
        }
        let _ = persist.run_with_input(["save", "a/s", "-"], "1").expect_code(1).says([named, "7.3.0"]);
        assert_eq!(contents(&persist.store_dir()), before);
    }
}
