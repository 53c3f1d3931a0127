//! `persist delete`, which never deletes by mistake.

use persist_e2e::{Persist, contents, json_lines};

fn four_snapshots() -> Persist {
    let persist = Persist::new();
    for session in ["a/s", "a/s", "a/s", "a/t"] {
        persist.save(session, "1");
    }
    persist
}

#[test]
fn without_confirmation_or_index_nothing_is_deleted() {
    let persist = four_snapshots();
    let before = contents(&persist.store_dir());
    let _ = persist.run(["delete", "a/s@1"]).expect_code(2).says(["a/s@1", "nothing was deleted", "--yes"]);
    let _ = persist.run(["delete", "a/s", "--all"]).expect_code(2).says(["--yes"]);
    let _ = persist.run(["delete", "a/s", "--yes"]).expect_code(2).says(["a/s", "--all"]);
    let _ = persist.run(["delete", "a/s@0", "a/t", "--yes"]).expect_code(2);
    let _ = persist.run(["delete", "a/s@0", "--all", "--yes"]).expect_code(2);
    let _ = persist.run(["delete", "a/s", "a/t", "--all", "--yes"]).expect_code(2);
    let _ = persist.run(["delete", "--yes"]).expect_code(2);
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn several_snapshots_of_several_sessions_go_at_once() {
    let persist = four_snapshots();
    let report = persist.ok(["delete", "a/s@2", "a/t@0", "a/s@0", "--yes", "--json"]).json();
    let deleted: Vec<_> = report["deleted"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(deleted.len(), 3, "{report}");
    let left = json_lines(&persist.ok(["list", "--json"]).stdout);
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0]["session_id"], &left[0]["snapshot_index"]), (&"s".into(), &1.into()));
}

#[test]
fn all_takes_a_whole_session_and_no_other() {
    let persist = four_snapshots();
    let _ = persist.ok(["delete", "a/s", "--all", "--yes"]);
    let left = json_lines(&persist.ok(["list", "--json"]).stdout);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["session_id"], "t");
    let _ = persist.run(["restore", "a/s"]).expect_code(3);
    assert_eq!(persist.save("a/s", "2")["snapshot_index"], 3, "an index is never used again");
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "2");
}

#[test]
fn deleting_again_is_reported_and_no_error() {
    let persist = four_snapshots();
    let _ = persist.ok(["delete", "a/s@1", "--yes"]);
    let before = contents(&persist.store_dir());
    let report = persist.ok(["delete", "a/s@1", "--yes", "--json"]).json();
    assert_eq!(report["deleted"], serde_json::json!([]));
    assert_eq!(report["already_deleted"][0]["snapshot_index"], 1);
    assert_eq!(contents(&persist.store_dir()), before);
}

#[test]
fn a_snapshot_that_never_was_is_not_deleted_in_advance() {
    let persist = four_snapshots();
    let before = contents(&persist.store_dir());
    let _ = persist.run(["delete", "a/s@0", "a/s@3", "--yes"]).expect_code(3).says(["a/s@3"]);
    assert_eq!(contents(&persist.store_dir()), before, "all or none of one session");
    assert_eq!(persist.save("a/s", "2")["snapshot_index"], 3);
    assert_eq!(persist.ok(["restore", "a/s@3"]).text(), "2");
}
