//! `persist diff`: what changed between two snapshots.

use persist_e2e::Persist;
use serde_json::{Value, json};

fn saved(states: &[&str]) -> Persist {
    let persist = Persist::new();
    for state in states {
        persist.save("a/s", state);
    }
    persist
}

/// Runs `persist diff` and expects that its standard output holds each of these texts.
fn shows(persist: &Persist, references: [&str; 2], texts: &[&str]) {
    let output = persist.ok(["diff"].iter().chain(&references));
    for text in texts {
        assert!(output.text().contains(text), "{text:?} is missing: {output}");
    }
}

fn save_as(persist: &Persist, media_type: &str, state: impl AsRef<[u8]>) {
    let arguments = ["save", "a/s", "-", "--media-type", media_type];
    let _ = persist.run_with_input(arguments, state).expect_code(0);
}

#[test]
fn changes_are_listed_by_their_paths() {
    let persist = saved(&[
        r#"{"step":1,"messages":[{"text":"one"},{"text":"two"}],"cost":1.0}"#,
        r#"{"messages":[{"text":"one"},{"text":"new"},{"text":"two"}],"cost":1.00,"done":false}"#,
    ]);
    assert_eq!(
        persist.ok(["diff", "a/s@0", "a/s@1"]).text(),
        "- /step 1\n+ /messages/1 {\"text\":\"new\"}\n~ /cost 1.0 -> 1.00\n+ /done false\n\
         a/s@0 -> a/s@1: 2 added, 1 removed, 1 changed; 64 bytes -> 84 bytes\n"
    );
    // Without an index the newest is meant, and quiet leaves the changes alone.
    assert_eq!(
        persist.ok(["diff", "a/s", "a/s@0", "--quiet"]).text(),
        "- /messages/1 {\"text\":\"new\"}\n~ /cost 1.00 -> 1.0\n- /done false\n+ /step 1\n"
    );
}

#[test]
fn json_output_is_a_patch() {
    let persist = saved(&[r#"{"a/b":[1,2,3],"n":0}"#, r#"{"a/b":[2,3],"n":123456789012345678901.50}"#]);
    let patch = persist.ok(["diff", "a/s@0", "a/s@1", "--json"]);
    assert_eq!(
        patch.text(),
        "[{\"op\":\"remove\",\"path\":\"/a~1b/0\"},\
         {\"op\":\"replace\",\"path\":\"/n\",\"value\":123456789012345678901.50}]\n"
    );
    assert_eq!(persist.ok(["diff", "a/s@1", "a/s", "--json"]).text(), "[]\n");
}

#[test]
fn equal_values_need_not_be_equal_bytes() {
    let persist = saved(&[r#"{"a":1,"b":"\u0041"}"#, r#"{ "b": "A", "a": 1 }"#]);
    shows(&persist, ["a/s@0", "a/s@1"], &["the same value in different bytes"]);
    shows(&persist, ["a/s@1", "a/s@1"], &["no difference"]);
}

#[test]
fn snapshots_of_two_sessions_are_compared() {
    let persist = saved(&["[1]"]);
    persist.save("b/t", "[2]");
    let output = persist.ok(["diff", "a/s", "b/t"]);
    assert_eq!(
        output.text(),
        "~ /0 1 -> 2\na/s@0 -> b/t@0: 0 added, 0 removed, 1 changed; 3 bytes -> 3 bytes\n"
    );
}

#[test]
fn repeated_keys_are_not_lost() {
    let persist = saved(&[r#"{"o":{"k":1,"k":2}}"#, r#"{"o":{"k":2}}"#]);
    shows(&persist, ["a/s@0", "a/s@1"], &[r#"~ /o {"k":1,"k":2} -> {"k":2}"#, "repeated"]);
}

#[test]
fn what_is_stored_does_not_steer_the_terminal() {
    let persist = saved(&["{}", "{\"k\\n\\u001b[2J\":\"\u{9b}2J\"}"]);
    let output = persist.ok(["diff", "a/s@0", "a/s@1", "--color", "never"]);
    let text = output.text();
    assert!(text.starts_with("+ /k\\n\\u{1b}[2J \"\\u{9b}2J\"\n"), "{text:?}");
    assert!(!text.contains(['\u{1b}', '\u{9b}']), "{text:?}");
}

#[test]
fn text_is_compared_line_by_line_and_bytes_by_offset() {
    let persist = Persist::new();
    save_as(&persist, "text/plain", "one\ntwo\nthree\n");
    save_as(&persist, "text/plain", "one\n2\nthree\n");
    save_as(&persist, "application/octet-stream", b"one\n\xff");
    shows(
        &persist,
        ["a/s@0", "a/s@1"],
        &["@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n", "the first difference is at offset 4", "sha256"],
    );
    assert_eq!(
        persist.ok(["diff", "a/s@0", "a/s@1", "--quiet"]).text(),
        "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
    );
    let object = persist.ok(["diff", "a/s@1", "a/s@2", "--json"]).json();
    assert_eq!(object["comparison"], "raw");
    assert_eq!(object["reason"], Value::Null);
    assert_eq!(
        (&object["equal"], &object["first_difference"], &object["common_prefix"], &object["common_suffix"]),
        (&json!(false), &json!(4), &json!(4), &json!(0))
    );
    assert_eq!(object["old"], persist.ok(["show", "a/s@1", "--json"]).json());
    assert_eq!(object["new"], persist.ok(["show", "a/s@2", "--json"]).json());
}

#[test]
fn json_by_name_alone_is_compared_as_bytes() {
    let persist = saved(&["[1]"]);
    save_as(&persist, "application/problem+json", "[1");
    shows(&persist, ["a/s@0", "a/s@1"], &["not compared as JSON: the new state is not JSON"]);
    let object = persist.ok(["diff", "a/s@0", "a/s@1", "--json"]).json();
    assert!(object["reason"].as_str().is_some_and(|reason| reason.contains("not JSON")), "{object}");
}

#[test]
fn both_snapshots_must_exist() {
    let persist = saved(&["[1]"]);
    for references in [["a/s", "a/s@7"], ["a/s@7", "a/s"], ["a/s", "a/t"]] {
        let _ = persist.run(["diff"].iter().chain(&references)).expect_code(3);
    }
    let _ = persist.run(["diff", "a/s"]).expect_code(2);
}
