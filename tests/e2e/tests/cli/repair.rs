//! `persist repair`, which shows what it would do, removes nothing, and says what is lost.

use std::fs;
use std::path::Path;

use persist_e2e::{Persist, contents, json_lines};

/// A session of which the second snapshot is deleted, with that snapshot or the third damaged.
fn damaged(index: u64) -> (Persist, String) {
    let persist = Persist::new();
    // With nothing in common, so that none is stored against another.
    for state in ["[0]", "\"one\"", "{}"] {
        persist.save("a/s", state);
    }
    let _ = persist.ok(["delete", "a/s@1", "--yes"]);
    let key = format!("agents/a/s/d/{index:010}");
    let file = persist.store_dir().join(&key);
    let mut bytes = fs::read(&file).unwrap_or_else(|error| panic!("{error}"));
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    fs::remove_file(&file).unwrap_or_else(|error| panic!("{error}"));
    fs::write(&file, bytes).unwrap_or_else(|error| panic!("{error}"));
    (persist, key)
}

#[test]
fn without_confirmation_it_only_says_what_it_would_do() {
    let (persist, key) = damaged(1);
    let before = contents(&persist.store_dir());
    let output = persist.run(["repair"]).expect_code(4);
    assert!(output.text().contains(&format!("{key}: would write a stub")), "{output}");
    assert_eq!(contents(&persist.store_dir()), before);
    let _ = persist.run(["verify"]).expect_code(4);

    let rows = json_lines(&persist.ok(["repair", "a/s", "--yes", "--json"]).stdout);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["key"], key.as_str());
    assert_eq!((&rows[0]["remedy"], &rows[0]["done"]), (&"write_stub".into(), &true.into()));
    assert_eq!(rows[0]["lost"], serde_json::json!([]));
    let aside = persist.store_dir().join(rows[0]["quarantined"].as_str().unwrap());
    assert_eq!(before[Path::new(&key)], Some(fs::read(aside).unwrap()), "the damaged bytes lie there");
    let _ = persist.ok(["verify", "--read-data"]);
    assert!(persist.ok(["repair"]).text().contains("nothing is damaged"));
}

#[test]
fn what_is_lost_is_named_and_left_in_place() {
    let (persist, key) = damaged(2);
    let file = persist.store_dir().join(&key);
    let before = fs::read(&file).unwrap_or_else(|error| panic!("{error}"));
    let rows = json_lines(&persist.run(["repair", "--yes", "--json"]).expect_code(4).stdout);
    assert_eq!((&rows[0]["remedy"], &rows[0]["lost"]), (&"none".into(), &serde_json::json!([2])));
    assert_eq!(fs::read(&file).unwrap_or_else(|error| panic!("{error}")), before);
    assert_eq!(persist.ok(["restore", "a/s@0"]).text(), "[0]");
    assert_eq!(persist.save("a/s", "{\"step\":3}")["snapshot_index"], 3, "the session goes on");
}
