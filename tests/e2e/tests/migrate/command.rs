//! What the command prints and how it ends.

use persist_e2e::{Persist, contents, json_lines, servers::plugin_dir};
use serde_json::Value;

/// Two stores on local disk, and one that forgets.
fn stores() -> Persist {
    let persist = Persist::new();
    let (main, backup) = (persist.store_dir(), persist.path("backup"));
    persist.write_config(&format!(
        "default = \"main\"\n\
         [stores.main]\nstorage = {{ adapter = \"local\", root = {main:?} }}\n\
         [stores.same]\nstorage = {{ adapter = \"local\", root = {main:?} }}\n\
         [stores.backup]\nstorage = {{ adapter = \"local\", root = {backup:?} }}\ncompression = {{ adapter = \"none\" }}\n\
         [stores.memory]\nstorage = {{ adapter = \"memory\" }}\n\
         [plugins]\npath = [{:?}]\n",
        plugin_dir()
    ));
    for session in ["a/s", "a/t", "b/s"] {
        for step in 0..3 {
            persist.save(session, format!("{{\"step\":{step}}}"));
        }
    }
    persist
}

const MIGRATE: [&str; 5] = ["migrate", "--from", "main", "--to", "backup"];

fn migrate<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    MIGRATE.iter().chain(flags).copied().collect()
}

#[test]
fn a_store_is_migrated_and_every_row_told() {
    let persist = stores();
    let planned = persist.ok(migrate(&["--dry-run"])).text();
    assert!(planned.starts_with("a/s  3 snapshots would be copied\n"), "{planned}");
    assert!(planned.contains("\n3 sessions, 3 to copy, 0 there already; 9 snapshots would be copied; "));
    assert!(!persist.path("backup").join("persist-store.json").exists());

    let rows = json_lines(&persist.ok(migrate(&["--json"])).stdout);
    let [row, .., last] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((&row["agent_id"], &row["session_id"]), (&"a".into(), &"s".into()));
    assert_eq!((&row["from"], &row["to"], &row["error"]), (&"main".into(), &"backup".into(), &Value::Null));
    let keys: Vec<&String> = row["result"].as_object().expect("an object").keys().collect();
    let expected =
        ["copied", "copied_bytes", "deleted", "migration", "missing", "state_bytes", "verified", "went_on"];
    assert_eq!(keys, expected);
    assert_eq!([&row["result"]["copied"], &row["result"]["verified"]].map(Value::as_u64), [Some(3); 2]);
    assert_eq!(rows.len(), 4);
    let sum = |key: &str| last["summary"][key].as_u64();
    assert_eq!(["sessions", "copied_sessions", "copied", "verified"].map(sum), [3, 3, 9, 9].map(Some));
    assert_eq!(sum("state_bytes"), Some(9 * 10));
    assert!(last["elapsed_ms"].is_u64());

    persist.save("a/t", "[]");
    let text = persist.ok(MIGRATE).text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "a/s  there already");
    assert!(lines[1].starts_with("a/t  1 copied (") && lines[1].ends_with(" stored), 4 verified"), "{text}");
    assert!(lines[3].starts_with("3 sessions, 1 copied, 2 there already; 1 snapshot copied ("), "{text}");
    let verified = persist.ok(migrate(&["--verify"])).text();
    assert!(verified.contains("a/t  there already, 4 verified\n"), "{verified}");
    assert!(verified.contains(" 10 verified; "), "{verified}");
    assert_eq!(persist.ok(migrate(&["--quiet"])).text(), "");
    assert_eq!(persist.ok(["restore", "a/t", "--store", "backup"]).text(), "[]");
}

#[test]
fn a_difference_is_named_with_session_and_index() {
    let persist = stores();
    let _ = persist.ok(MIGRATE);
    let _ = persist.ok(["label", "a/t@1", "own=yes", "--store", "backup"]);
    // Without the check it goes unnoticed: nothing is left to copy.
    let _ = persist.ok(MIGRATE);
    let _ = persist.run(migrate(&["--verify"])).expect_code(4).says([
        "a/t@1",
        "different labels",
        "{\"own\": \"yes\"}",
    ]);
    let rows = json_lines(&persist.run(migrate(&["--verify", "--json"])).expect_code(4).stdout);
    assert_eq!((&rows[1]["result"], &rows[1]["error"]["code"]), (&Value::Null, &"copy_differs".into()));
    assert_eq!(rows[1]["error"]["context"]["snapshot"], "a/t@1");
    assert_eq!(rows[3]["summary"]["failed_sessions"], 1);
    assert_eq!(rows[2]["result"]["verified"], 3);
}

#[test]
fn a_conflict_leaves_the_target_and_the_others_go_on() {
    let persist = stores();
    let _ = persist.run_with_input(["save", "a/s", "-", "--store", "backup"], "{}").expect_code(0);
    let (target, source) = (contents(&persist.path("backup/agents/a/s")), contents(&persist.store_dir()));
    let _ = persist.run(MIGRATE).expect_code(5).says(["a/s", "is no copy of"]);
    assert_eq!(contents(&persist.path("backup/agents/a/s")), target);
    assert_eq!(persist.ok(["restore", "b/s", "--store", "backup"]).text(), "{\"step\":2}");
    assert_eq!(contents(&persist.store_dir()), source);
}

#[test]
fn what_cannot_be_a_migration_is_refused() {
    let persist = stores();
    for (to, code, text) in [
        ("main", 2, "cannot be migrated into itself"),
        ("same", 2, "both are the same store"),
        ("memory", 1, "does not promise that what is saved lasts"),
        ("nowhere", 3, "nowhere"),
    ] {
        let _ = persist.run(["migrate", "--from", "main", "--to", to]).expect_code(code).says([text]);
    }
    let _ = persist.run(["migrate", "--from", "backup", "--to", "main"]).expect_code(3);
    let _ = persist.run(["migrate", "--from", "main"]).expect_code(2);
}
