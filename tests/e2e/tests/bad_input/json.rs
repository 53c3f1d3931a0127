//! States that are not JSON.

use persist_e2e::{Persist, contents};

#[test]
fn the_place_and_the_reason_are_told_and_nothing_is_stored() {
    let persist = Persist::new();
    persist.save("a/s", "1");
    let before = contents(&persist.store_dir());
    for (state, line, column, reason) in [
        ("{\"a\": 1,\n  \"b\": [1, 2,]\n}", 2, 14, "expected value"),
        ("{\"a\": 1", 1, 8, "EOF"),
        ("", 1, 1, "EOF"),
        ("{} {}", 1, 4, "trailing"),
        ("[NaN]", 1, 2, "expected value"),
        ("{'a': 1}", 1, 2, "key must be a string"),
        ("[\"a\nb\"]", 1, 4, "control character"),
    ] {
        let output = persist.run_with_input(["save", "a/s", "-"], state).expect_code(1);
        let place = format!("line {line}, column {column}");
        let output = output.says([&place, reason]);
        assert_eq!(output.text(), "", "{state:?}");
        assert_eq!(contents(&persist.store_dir()), before, "{state:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let persist = Persist::new();
    for state in [b"\"\xff\"".as_slice(), b"\xef\xbb\xbf1", b"\xff\xfe1\0", b"\"\xed\xa0\x80\""] {
        let output = persist.run_with_input(["save", "a/s", "-"], state).expect_code(1);
        let _ = output.says(["line 1, column"]);
    }
    assert!(!persist.store_dir().exists(), "not even a store was made");
}

#[test]
fn a_hundred_thousand_brackets_break_nothing() {
    let persist = Persist::new();
    let open = "[".repeat(100_000);
    let _ =
        persist.run_with_input(["save", "a/s", "-"], &open).expect_code(1).says(["line 1, column 100001"]);
    let nested = format!("{open}{}", "]".repeat(100_000));
    persist.save("a/s", &nested);
    assert_eq!(persist.ok(["restore", "a/s"]).text(), nested);
}

#[test]
fn another_media_type_is_not_checked() {
    let persist = Persist::new();
    let bytes = b"\x00\xffnot JSON [";
    let arguments = ["save", "a/s", "-", "--media-type", "application/octet-stream"];
    let _ = persist.run_with_input(arguments, bytes).expect_code(0);
    assert_eq!(persist.ok(["restore", "a/s"]).stdout, bytes);
    // JSON by another spelling is JSON all the same.
    for media_type in ["Application/JSON", "application/json; charset=utf-8"] {
        let arguments = ["save", "a/s", "-", "--media-type", media_type];
        let _ = persist.run_with_input(arguments, bytes).expect_code(1);
    }
}
