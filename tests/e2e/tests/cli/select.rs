//! Which snapshots `list` and `verify` look at.

use persist_e2e::{Output, Persist, json_lines};

fn three_sessions() -> Persist {
    let persist = Persist::new();
    for session in ["b/x", "a/y", "a/x", "a/x"] {
        persist.save(session, "1");
    }
    // An agent whose id begins like another's is another agent.
    persist.save("ab/x", "1");
    persist
}

/// The references of an output's rows, in its order.
fn references(output: &Output) -> Vec<String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_owned();
    json_lines(&output.stdout)
        .iter()
        .map(|row| {
            format!("{}/{}@{}", text(&row["agent_id"]), text(&row["session_id"]), row["snapshot_index"])
        })
        .collect()
}

#[test]
fn list_takes_all_an_agent_or_a_session() {
    let persist = three_sessions();
    let list = |pattern: &[&str]| references(&persist.ok(["list", "--json"].iter().chain(pattern)));
    assert_eq!(list(&[]), ["a/x@0", "a/x@1", "a/y@0", "ab/x@0", "b/x@0"]);
    assert_eq!(list(&["a"]), ["a/x@0", "a/x@1", "a/y@0"]);
    assert_eq!(list(&["a/x"]), ["a/x@0", "a/x@1"]);
    assert_eq!(list(&["b"]), ["b/x@0"]);
}

#[test]
fn verify_takes_a_snapshot_too() {
    let persist = three_sessions();
    let verify = |pattern: &[&str]| references(&persist.ok(["verify", "--json"].iter().chain(pattern)));
    assert_eq!(verify(&[]).len(), 5);
    assert_eq!(verify(&["a"]), ["a/x@0", "a/x@1", "a/y@0"]);
    assert_eq!(verify(&["a/x"]), ["a/x@0", "a/x@1"]);
    assert_eq!(verify(&["a/x@1"]), ["a/x@1"]);
    let _ = persist.run(["verify", "a/x@2"]).expect_code(3).says(["a/x@2"]);
    let _ = persist.run(["verify", "a/z"]).expect_code(3).says(["a/z"]);
}

#[test]
fn deleted_snapshots_are_neither_listed_nor_verified() {
    let persist = three_sessions();
    let _ = persist.ok(["delete", "a/x@0", "--yes"]);
    for verb in ["list", "verify"] {
        assert_eq!(references(&persist.ok([verb, "a", "--json"])), ["a/x@1", "a/y@0"]);
    }
}

#[test]
fn an_empty_answer_is_no_error() {
    let persist = three_sessions();
    for pattern in ["z", "a/z"] {
        let output = persist.ok(["list", pattern]);
        assert_eq!(output.text(), "", "{output}");
    }
}
