//! `persist log`, `persist label` and `persist stats`.

use persist_e2e::{Persist, contents, files, json_lines};
use serde_json::{Value, json};

/// Five snapshots; the last continues the second, the one before it is labelled.
fn branched() -> Persist {
    let persist = Persist::new();
    for step in 0..4 {
        persist.save("a/s", step.to_string());
    }
    let saved = persist
        .run_with_input(["save", "a/s", "-", "--parent", "1", "--name", "n", "--description", "again"], "4");
    let _ = saved.expect_code(0);
    let _ = persist.ok(["label", "a/s@3", "kind=plan"]);
    persist
}

/// The drawing and the index of each line, without the rest.
fn drawn(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split("  ").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_log_is_a_tree() {
    let persist = branched();
    let text = persist.ok(["log", "a/s"]).text();
    assert_eq!(drawn(&text), ["* @4", "| * @3", "| * @2", "|/", "* @1", "* @0"], "{text}");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("[n]  again") && lines[1].ends_with("kind=plan"), "{text}");

    let rows = json_lines(&persist.ok(["log", "a/s", "--json"]).stdout);
    let parents: Vec<_> = rows.iter().map(|row| (&row["snapshot_index"], &row["parent_index"])).collect();
    let expected = [(4, json!(1)), (3, json!(2)), (2, json!(1)), (1, json!(0)), (0, Value::Null)];
    assert_eq!(
        parents,
        expected
            .each_ref()
            .map(|(index, parent)| (Value::from(*index), parent.clone()))
            .iter()
            .map(|(index, parent)| (index, parent))
            .collect::<Vec<_>>()
    );
    assert!(rows.iter().all(|row| row["parent_deleted"] == false));
}

#[test]
fn a_deleted_parent_is_shown_as_such() {
    let persist = branched();
    let _ = persist.ok(["delete", "a/s@1", "--yes"]);
    let text = persist.ok(["log", "a/s"]).text();
    assert_eq!(drawn(&text), ["* @4", "| * @3", "| * @2", "|/", "x @1", "* @0"], "{text}");
    let rows = json_lines(&persist.ok(["log", "a/s", "--json"]).stdout);
    let gone: Vec<_> = rows.iter().map(|row| row["parent_deleted"].as_bool().unwrap()).collect();
    assert_eq!(gone, [true, false, true, false]);
    let _ = persist.ok(["delete", "a/s", "--all", "--yes"]);
    let _ = persist.run(["log", "a/s"]).expect_code(3).says(["a/s"]);
    let _ = persist.run(["log", "a/nobody"]).expect_code(3);
}

#[test]
fn labels_change_and_the_snapshot_does_not() {
    let persist = Persist::new();
    let saved =
        persist.run_with_input(["save", "a/s", "-", "--label", "born=1", "--label", "x=2", "--json"], "1");
    let saved = saved.expect_code(0).json();
    let labelled = persist.ok(["label", "a/s", "x=3", "born-", "new=ü=1", "--json"]).json();
    assert_eq!(labelled["labels"], json!({"x": "3", "new": "ü=1"}));
    let mut expected = saved.clone();
    expected["labels"] = labelled["labels"].clone();
    assert_eq!(labelled, expected, "nothing else changes");
    assert_eq!(persist.ok(["show", "a/s@0", "--json"]).json(), expected);
    assert_eq!(json_lines(&persist.ok(["list", "--json"]).stdout), [expected]);
    assert_eq!(persist.ok(["restore", "a/s"]).text(), "1");

    // Said again, it writes nothing.
    let before = contents(&persist.store_dir());
    assert_eq!(persist.ok(["label", "a/s@0", "x=3", "born-"]).text(), "a/s@0: new=ü=1  x=3\n");
    assert_eq!(contents(&persist.store_dir()), before);
    let _ = persist.run(["label", "a/s@0", "x=3", "x-"]).expect_code(2).says(["\"x\"", "twice"]);
    let _ = persist.run(["label", "a/s@0"]).expect_code(2);
    let _ = persist.run(["label", "a/s@0", "x"]).expect_code(2).says(["KEY=VALUE"]);
    let _ = persist.run(["label", "a/s@7", "x=1"]).expect_code(3).says(["a/s@7"]);
    // A rule sees the labels that hold now.
    persist.save("a/s", "2");
    persist.save("a/s", "3");
    let _ = persist.ok(["prune", "a/s", "--keep-label", "new", "--yes"]);
    assert_eq!(drawn(&persist.ok(["log", "a/s"]).text()), ["* @2", "x @1", "* @0"]);
}

#[test]
fn statistics_add_up() {
    let persist = branched();
    persist.save("a/t", "[1]");
    persist.save("b/u", "[2]");
    let _ = persist.ok(["delete", "a/s@0", "--yes"]);
    let rows = json_lines(&persist.ok(["stats", "--json"]).stdout);
    let whose: Vec<_> = rows.iter().map(|row| format!("{} {}", row["agent_id"], row["session_id"])).collect();
    let expected = ["\"a\" \"s\"", "\"a\" \"t\"", "\"a\" null", "\"b\" \"u\"", "\"b\" null", "null null"];
    assert_eq!(whose, expected);
    assert_eq!((&rows[0]["snapshots"], &rows[0]["deleted_snapshots"]), (&4.into(), &1.into()));
    assert_eq!((&rows[0]["raw_bytes"], &rows[1]["raw_bytes"]), (&4.into(), &3.into()));
    let total = rows.last().unwrap();
    assert_eq!((&total["sessions"], &total["snapshots"]), (&3.into(), &6.into()));
    let objects: Vec<_> = files(&persist.store_dir())
        .into_iter()
        .filter(|file| !file.ends_with("persist-store.json"))
        .collect();
    let bytes: u64 = objects.iter().map(|file| std::fs::metadata(file).unwrap().len()).sum();
    assert_eq!(
        (total["objects"].as_u64(), total["stored_bytes"].as_u64()),
        (Some(objects.len() as u64), Some(bytes))
    );

    let text = persist.ok(["stats"]).text();
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(
        text.contains("a: 2 sessions") && text.contains("total: 3 sessions") && !text.contains("b: "),
        "{text}"
    );
    assert!(text.contains("1 deleted ("), "{text}");
    assert_eq!(persist.ok(["stats", "a/t"]).text().lines().count(), 2);
    let _ = persist.run(["stats", "a/nobody"]).expect_code(3);
    let _ = persist.ok(["stats", "nobody"]).says(["no sessions"]);
}
