//! `persist prune`, which shows its plan and deletes only what it showed.

use std::fs;

use persist_e2e::{Output, Persist, contents, json_lines};
use serde_json::{Value, json};

/// Two sessions of four and of two snapshots; the first of each carries a label.
fn two_sessions() -> Persist {
    let persist = Persist::new();
    for session in ["a/s", "b/t"] {
        let arguments = ["save", session, "-", "--label", "kind=release"];
        let _ = persist.run_with_input(arguments, "0").expect_code(0);
    }
    for session in ["a/s", "a/s", "a/s", "b/t"] {
        persist.save(session, "1");
    }
    persist
}

/// The session and the index of an output's row; what is not there shows in the comparison.
fn session(row: &Value) -> String {
    row["session_id"].as_str().unwrap_or("?").to_owned()
}

fn index(row: &Value) -> u64 {
    row["snapshot_index"].as_u64().unwrap_or(u64::MAX)
}

/// Of each session what the plan keeps and deletes.
fn plans(output: &Output) -> Vec<(String, Vec<u64>, Vec<u64>)> {
    let indices = |list: &Value| list.as_array().into_iter().flatten().map(index).collect();
    let rows = json_lines(&output.stdout);
    rows.iter().map(|row| (session(row), indices(&row["keep"]), indices(&row["delete"]))).collect()
}

/// The snapshots that are still listed.
fn left(persist: &Persist) -> Vec<(String, u64)> {
    let rows = json_lines(&persist.ok(["list", "--json"]).stdout);
    rows.iter().map(|row| (session(row), index(row))).collect()
}

#[test]
fn without_confirmation_the_plan_is_shown_and_nothing_is_deleted() {
    let persist = two_sessions();
    let before = contents(&persist.store_dir());
    let text = persist.ok(["prune", "a/s", "--keep-last", "2", "--keep-label", "kind"]).text();
    for part in
        ["a/s: keep 3, delete 1", "label kind", "newest, last", "nothing was deleted; run again with --yes"]
    {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
    let doomed: Vec<_> = text.lines().filter(|line| line.trim_start().starts_with("delete")).collect();
    assert!(matches!(doomed[..], [line] if line.contains("a/s@1 ")), "{text}");
    let output = persist.ok(["prune", "--all", "--keep-last", "1", "--json"]);
    let expected = [("s".to_owned(), vec![3], vec![0, 1, 2]), ("t".to_owned(), vec![1], vec![0])];
    assert_eq!(plans(&output), expected);
    assert_eq!(json_lines(&output.stdout)[0]["result"], Value::Null);
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn what_was_shown_is_deleted_and_nothing_else() {
    let persist = two_sessions();
    let report = persist.ok(["prune", "a", "--keep-last", "2", "--yes", "--json"]).json();
    assert_eq!(report["result"], json!({"deleted": [0, 1], "already_deleted": []}));
    let bytes = report["delete"].as_array().unwrap().iter().map(|row| row["stored_bytes"].as_u64().unwrap());
    assert_eq!(report["delete_bytes"], bytes.sum::<u64>());
    let s = |index| ("s".to_owned(), index);
    let t = |index| ("t".to_owned(), index);
    assert_eq!(left(&persist), [s(2), s(3), t(0), t(1)], "the agent b was not named");
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "1");

    let before = contents(&persist.store_dir());
    let text = persist.ok(["prune", "a", "--keep-last", "2", "--yes"]).text();
    assert!(text.contains("a/s: keep 2, delete 0"), "{text}");
    assert_eq!(contents(&persist.store_dir()), before, "pruning again changes nothing");
}

#[test]
fn calendar_rules_keep_the_newest_of_a_day_at_least() {
    let persist = two_sessions();
    let rules = ["--keep-daily", "1", "--timezone", "Europe/Berlin"];
    let output = persist.ok(["prune", "b/t", "--json"].iter().chain(&rules));
    assert_eq!(plans(&output), [("t".to_owned(), vec![1], vec![0])]);
    assert_eq!(output.json()["keep"][0]["reasons"], json!(["newest", "daily"]));
    let output = persist.ok(["prune", "b/t", "--keep-within", "1h", "--json"]);
    assert_eq!(plans(&output), [("t".to_owned(), vec![0, 1], vec![])]);
}

#[test]
fn the_configs_rules_count_where_no_flag_is_one() {
    let persist = two_sessions();
    let config = fs::read_to_string(persist.path(".config/persist/config.toml")).unwrap();
    persist.write_config(&format!("{config}[stores.main.retention]\nkeep_last = 3\n"));
    let shown = persist.ok(["config", "show", "--json"]).json();
    assert_eq!(shown["stores"]["main"]["retention"], json!({"keep_last": 3, "timezone": "UTC"}));
    assert_eq!(plans(&persist.ok(["prune", "a", "--json"])), [("s".to_owned(), vec![1, 2, 3], vec![0])]);
    let output = persist.ok(["prune", "a", "--keep-label", "kind=release", "--json"]);
    assert_eq!(plans(&output), [("s".to_owned(), vec![0, 3], vec![1, 2])]);
}

#[test]
fn keeping_nothing_is_not_a_rule() {
    let persist = two_sessions();
    let before = contents(&persist.store_dir());
    let _ = persist.run(["prune", "--all", "--yes"]).expect_code(2).says(["no rule", "--keep-last"]);
    let _ = persist.run(["prune", "--keep-last", "1", "--yes"]).expect_code(2).says(["--all"]);
    let _ = persist.run(["prune", "a", "--all", "--keep-last", "1", "--yes"]).expect_code(2);
    let _ = persist.run(["prune", "a/s@1", "--keep-last", "1", "--yes"]).expect_code(2);
    let _ = persist.run(["prune", "a", "--keep-last", "0", "--yes"]).expect_code(2);
    let _ =
        persist.run(["prune", "a", "--keep-within", "30", "--yes"]).expect_code(2).says(["no unit", "30d"]);
    let zone = ["prune", "a", "--keep-daily", "1", "--timezone", "Mars/Phobos", "--yes"];
    let _ = persist.run(zone).expect_code(2).says(["Mars/Phobos", "Europe/Berlin"]);
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn a_session_with_an_unreadable_snapshot_is_left_alone_and_the_others_are_pruned() {
    let persist = two_sessions();
    // The first of the session, so that its error comes before any of its rows.
    let file = persist.store_dir().join("agents/a/s/d/0000000000");
    let mut bytes = fs::read(&file).unwrap();
    bytes[40] ^= 0xff;
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();

    let output = persist.run(["prune", "--all", "--keep-last", "1", "--yes", "--json"]).expect_code(4);
    let rows = json_lines(&output.stdout);
    assert_eq!((&rows[0]["session_id"], &rows[0]["keep"]), (&"s".into(), &Value::Null), "{output}");
    assert_eq!(rows[0]["error"]["code"], "session_unreadable");
    assert_eq!(rows[1]["result"]["deleted"], json!([0]), "{output}");
    let _ =
        persist.run(["prune", "a", "--keep-last", "1"]).expect_code(4).says(["a/s is not pruned", "a/s@0"]);
    assert_eq!(persist.ok(["restore", "a/s@1"]).text(), "1", "nothing of it was deleted");
}

#[test]
fn nothing_to_prune_is_no_error() {
    let persist = two_sessions();
    let _ = persist.ok(["prune", "a/nobody", "--keep-last", "1"]).says(["no snapshots"]);
    let text = persist.ok(["prune", "a/s", "--keep-last", "9"]).text();
    assert!(text.contains("nothing to delete"), "{text}");
}
