//! A snapshot from its save to its deletion.

use persist_e2e::{Persist, contents, json_lines};
use serde_json::Value;

/// What every report of a snapshot carries, whatever later releases add.
const KEYS: [&str; 10] = [
    "agent_id",
    "session_id",
    "snapshot_index",
    "timestamp",
    "content_hash",
    "content_length",
    "stored_bytes",
    "format_version",
    "codec",
    "storage",
];

/// Spaces, an order of keys and a number that no parser may touch.
const FIRST: &str = "{ \"b\": 1.0000000000000000001,\n\t\"a\": [ ] }\n";
const SECOND: &str = r#"{"messages":["héllo","\ud83d\ude00"],"step":2}"#;

#[test]
fn save_list_and_show_report_the_same_snapshot() {
    let persist = Persist::new();
    let first = persist.save("support/run 1", FIRST);
    let second = persist.save("support/run 1", SECOND);
    for key in KEYS {
        assert!(first.get(key).is_some_and(|value| !value.is_null()), "{key} is missing: {first}");
    }
    assert_eq!(first["agent_id"], "support");
    assert_eq!(first["session_id"], "run 1");
    assert_eq!((&first["snapshot_index"], &second["snapshot_index"]), (&Value::from(0), &Value::from(1)));
    assert_eq!(first["content_length"], FIRST.len());
    assert_eq!((first["codec"].as_str(), first["storage"].as_str()), (Some("gzip"), Some("local")));

    let listed = json_lines(&persist.ok(["list", "--json"]).stdout);
    assert_eq!(listed, [first.clone(), second.clone()]);
    assert_eq!(persist.ok(["show", "support/run 1@0", "--json"]).json(), first);
    assert_eq!(persist.ok(["show", "support/run 1", "--json"]).json(), second);
}

#[test]
fn the_content_hash_and_the_stored_bytes_are_what_other_tools_find() {
    let persist = Persist::new();
    let saved = persist.save("a/s", FIRST);
    let hash = persist_host::ContentHash::of(FIRST.as_bytes()).to_string();
    assert_eq!(saved["content_hash"], hash);
    let object = persist.store_dir().join("agents/a/s/d/0000000000");
    assert_eq!(saved["stored_bytes"], std::fs::metadata(object).unwrap().len());
}

#[test]
fn a_snapshot_lives_from_save_to_delete() {
    let persist = Persist::new();
    persist.save("a/s", FIRST);
    persist.save("a/s", SECOND);
    assert_eq!(persist.ok(["restore", "a/s@0"]).text(), FIRST);
    assert_eq!(persist.ok(["restore", "a/s@1"]).text(), SECOND);
    assert_eq!(persist.ok(["restore", "a/s"]).text(), SECOND);

    let rows = json_lines(&persist.ok(["verify", "--json"]).stdout);
    let checked: Vec<_> = rows.iter().map(|row| (&row["snapshot_index"], &row["ok"])).collect();
    assert_eq!(checked, [(&Value::from(0), &Value::from(true)), (&Value::from(1), &Value::from(true))]);
    assert_eq!(rows[0]["key"], "agents/a/s/d/0000000000");

    let report = persist.ok(["delete", "a/s@1", "--yes", "--json"]).json();
    assert_eq!(report["deleted"][0]["snapshot_index"], 1);
    let _ = persist.run(["restore", "a/s@1"]).expect_code(3).says(["a/s@1"]);
    let _ = persist.run(["show", "a/s@1"]).expect_code(3);
    assert_eq!(persist.ok(["restore", "a/s"]).text(), FIRST, "the newest is now the one before");
    assert_eq!(json_lines(&persist.ok(["list", "--json"]).stdout).len(), 1);
    assert_eq!(persist.save("a/s", SECOND)["snapshot_index"], 2, "an index is never used again");
}

#[test]
fn people_read_the_same_life() {
    let persist = Persist::new();
    let saved = persist.write("state.json", SECOND);
    let state = saved.to_str().unwrap();
    let output = persist.ok(["save", "a/s", state, "--description", "the end"]);
    assert!(output.text().contains("a/s@0"), "{output}");

    let listed = persist.ok(["list"]);
    let text = listed.text();
    let [header, row] = text.lines().collect::<Vec<_>>()[..] else { panic!("not two lines: {listed}") };
    assert!(header.starts_with("SNAPSHOT"), "{listed}");
    assert!(row.starts_with("a/s@0 ") && row.ends_with("the end"), "{listed}");

    let shown = persist.ok(["show", "a/s"]).text();
    let hash = persist_host::ContentHash::of(SECOND.as_bytes()).to_string();
    for part in ["a/s@0", "the end", "application/json", "gzip", "local", &hash] {
        assert!(shown.contains(part), "{part:?} is missing: {shown}");
    }
    let verified = persist.ok(["verify"]).text();
    assert!(verified.contains("1 intact, 0 damaged"), "{verified}");
    let deleted = persist.ok(["delete", "a/s@0", "--yes"]).text();
    assert!(deleted.contains("deleted a/s@0"), "{deleted}");
}

#[test]
fn reading_changes_nothing() {
    let persist = Persist::new();
    persist.save("a/s", FIRST);
    let before = contents(&persist.store_dir());
    for arguments in [&["restore", "a/s"][..], &["list"], &["show", "a/s"], &["verify"], &["plugins", "list"]]
    {
        let _ = persist.ok(arguments);
    }
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn without_a_config_snapshots_are_kept_in_the_users_data_directory() {
    let persist = Persist::without_config();
    let saved = persist.save("a/s", FIRST);
    assert_eq!((saved["storage"].as_str(), saved["codec"].as_str()), (Some("local"), Some("gzip")));
    assert!(persist.path(".local/share/persist/persist-store.json").is_file());
    assert_eq!(persist.ok(["restore", "a/s"]).text(), FIRST);
}

#[test]
fn a_store_that_is_not_there_is_not_taken_for_an_empty_one() {
    let persist = Persist::new();
    for arguments in
        [&["list"][..], &["restore", "a/s"], &["show", "a/s"], &["verify"], &["delete", "a/s@0", "--yes"]]
    {
        let output = persist.run(arguments).expect_code(3);
        assert!(output.stderr.contains("no store"), "{output}");
    }
    assert!(!persist.store_dir().exists(), "looking creates nothing");
}
