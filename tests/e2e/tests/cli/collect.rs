//! `persist gc` and `persist compact`: what is freed, what is said of it, and what stays.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::fs;

use persist_e2e::{Persist, contents, files, json_lines};
use serde_json::Value;

/// What only one state holds, each without a part that another has.
const OWN: [&str; 10] = [
    "quartz-jigsaw",
    "vexed-lynchpin",
    "myrrh-bungalow",
    "cobalt-fjord",
    "hazy-dumpling",
    "ivory-sextant",
    "ruby-thicket",
    "plaid-gazebo",
    "walnut-nomad",
    "zesty-kelp",
];

/// A state that shares most of its text with the others.
fn state(step: usize) -> String {
    let shared: String = (0..200_u32).map(|at| format!("line {} ", at * 7919 % 1000)).collect();
    format!("{{\"own\":\"{}\",\"shared\":\"{shared}\"}}", OWN[step])
}

/// A store that keeps its content readable in the files.
fn uncompressed() -> Persist {
    let persist = Persist::new();
    let config = fs::read_to_string(persist.path(".config/persist/config.toml")).expect("a config");
    persist.write_config(&config.replace("\"gzip\"", "\"none\""));
    persist
}

fn grown(session: &str, steps: usize) -> Persist {
    let persist = uncompressed();
    for step in 0..steps {
        persist.save(session, state(step));
    }
    persist
}

fn holds(persist: &Persist, word: &str) -> bool {
    let word = word.as_bytes();
    let files = files(&persist.store_dir());
    files.iter().any(|file| fs::read(file).expect("a file").windows(word.len()).any(|window| window == word))
}

#[test]
fn a_deleted_session_is_freed() {
    let persist = grown("a/s", 4);
    persist.save("a/t", state(7));
    let _ = persist.ok(["delete", "a/s", "--all", "--yes"]);
    assert!(holds(&persist, OWN[2]));
    let output = persist.ok(["gc", "--all"]);
    let text = output.text();
    assert!(text.contains("a/s: freed ") && text.contains(" of 2 sessions"), "{output}");
    assert!(!text.contains("a/t") && !text.contains("still lies"), "{output}");
    assert!(!holds(&persist, OWN[2]));
    assert_eq!(persist.ok(["restore", "a/t"]).text(), state(7));
    // Run again, it finds nothing.
    let before = contents(&persist.store_dir());
    assert_eq!(persist.ok(["gc", "--all"]).text(), "freed 0 B of 2 sessions\n");
    assert_eq!(contents(&persist.store_dir()), before);
    assert_eq!(persist.save("a/s", "1")["snapshot_index"], 5, "a seal took an index");
}

#[test]
fn compaction_erases_what_gc_leaves() {
    let persist = grown("a/s", 6);
    let _ = persist.ok(["delete", "a/s@2", "--yes"]);
    let row = &json_lines(&persist.ok(["gc", "a/s", "--json"]).stdout)[0];
    assert_eq!((&row["agent_id"], &row["session_id"]), (&"a".into(), &"s".into()));
    assert_eq!((&row["result"]["left"], &row["error"]), (&1.into(), &Value::Null), "{row}");
    assert_eq!(row["result"]["storage_keeps_versions"], false);
    let output = persist.ok(["gc", "a"]);
    assert!(
        output.text().contains("1 deleted snapshot still lies") && output.text().contains("persist compact")
    );
    assert!(holds(&persist, OWN[2]));

    let row = &json_lines(&persist.ok(["compact", "a", "--json"]).stdout)[0];
    assert_eq!((&row["result"]["left"], &row["result"]["rewritten"]), (&0.into(), &5.into()), "{row}");
    assert!(!holds(&persist, OWN[2]));
    for step in [0, 1, 3, 4, 5] {
        assert_eq!(persist.ok(["restore", &format!("a/s@{step}")]).text(), state(step));
    }
    let _ = persist.ok(["verify", "--read-data"]);
    assert_eq!(persist.ok(["compact", "--all"]).text(), "freed 0 B of 1 session\n");
}

#[test]
fn damage_in_one_place_stops_nothing_elsewhere() {
    let persist = grown("a/s", 3);
    persist.save("b/t", state(8));
    persist.save("b/u", state(9));
    for session in ["a/s", "b/t", "b/u"] {
        let _ = persist.ok(["delete", session, "--all", "--yes"]);
    }
    let spoil = |file: &str| {
        let file = persist.store_dir().join(file);
        let mut bytes = fs::read(&file).unwrap();
        bytes[50] ^= 1;
        fs::remove_file(&file).unwrap();
        fs::write(&file, bytes).unwrap();
    };
    spoil("agents/a/s/d/0000000001");
    spoil("agents/b/t/m/0000000001");
    let output = persist.run(["gc", "--all", "--json"]).expect_code(4);
    let rows = json_lines(&output.stdout);
    assert_eq!(
        (&rows[0]["result"]["unreadable"], &rows[0]["result"]["left"]),
        (&1.into(), &3.into()),
        "{output}"
    );
    assert_eq!(rows[1]["error"]["kind"], "integrity", "{output}");
    assert!(rows[2]["result"]["freed_bytes"].as_u64().unwrap() > 0, "{output}");
    assert!(holds(&persist, OWN[0]) && !holds(&persist, OWN[9]));
    let output = persist.run(["compact", "--all"]).expect_code(4).says(["agents/b/t/m/0000000001"]);
    assert!(output.text().contains("1 record cannot be read"), "{output}");
}

#[test]
fn what_to_collect_has_to_be_said_and_to_be_there() {
    let persist = grown("a/s", 1);
    let _ = persist.run(["gc"]).expect_code(2);
    let _ = persist.run(["compact", "a/s@0"]).expect_code(2);
    let _ = persist.run(["gc", "a", "--all"]).expect_code(2);
    let _ = persist.run(["gc", "a/nobody"]).expect_code(3).says(["a/nobody"]);
    let _ = persist.run(["compact", "a/nobody"]).expect_code(3);
    assert_eq!(persist.ok(["gc", "nobody"]).text(), "freed 0 B of 0 sessions\n");
    let empty = Persist::new();
    let _ = empty.run(["gc", "--all"]).expect_code(3).says(["no store"]);
}
