//! Tests of the check, and that its two forms agree.

use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The verdict, after the push validator gave the same on the whole and on pieces of many lengths.
fn agreed(state: &[u8]) -> Result<(), InvalidJson> {
    let verdict = validate_json(state);
    // Whatever is long is long by repetition.
    let lengths = if state.len() <= 4096 { 1..=state.len().clamp(1, 70) } else { 997..=997 };
    for length in lengths.chain([state.len().max(1)]) {
        let shown = || String::from_utf8_lossy(&state[..state.len().min(4096)]).into_owned();
        assert_eq!(pushed(state, length), verdict.is_ok(), "in pieces of {length}: {:?}", shown());
    }
    verdict
}

fn pushed(state: &[u8], length: usize) -> bool {
    let mut validator = Validator::new();
    std::str::from_utf8(state).is_ok()
        && state.chunks(length).all(|piece| validator.feed(piece).is_ok())
        && validator.is_complete()
}

#[test]
fn every_form_of_value_is_accepted() {
    for state in [
        "null",
        " true ",
        "-0",
        "0.5e-7",
        "1e999",
        "\"\"",
        "\"\\uD800\"",
        "[]",
        "{}",
        "[1,{\"a\":[]}]\n",
        "{\"a\":1,\"a\":2}",
        "\"\u{7f}\u{2028}\"",
        "123456789012345678901234567890",
    ] {
        assert_eq!(agreed(state.as_bytes()), Ok(()), "{state}");
    }
}

#[test]
fn the_place_of_an_offence_is_exact() {
    let cases: [(&[u8], usize, usize, usize); 14] = [
        (b"", 1, 1, 0),
        (b"  ", 1, 3, 2),
        (b"[1,]", 1, 4, 3),
        (b"{\"a\":1,\n \"b\" 2}", 2, 6, 13),
        (b"[1]x", 1, 4, 3),
        (b"1 2", 1, 3, 2),
        (b"[01]", 1, 3, 2),
        (b"[\n\n  nul]", 3, 6, 8),
        (b"[\"a\nb\"]", 1, 4, 3),
        (b"[\"\tb\"]", 1, 3, 2),
        (b"[\"\\x\"]", 1, 4, 3),
        ("[\"é\", x]".as_bytes(), 1, 7, 7),
        (b"{1:2}", 1, 2, 1),
        (b"[1", 1, 3, 2),
    ];
    for (state, line, column, offset) in cases {
        let error = agreed(state).unwrap_err();
        let shown = String::from_utf8_lossy(state);
        assert_eq!((error.line, error.column, error.offset), (line, column, offset), "{shown:?}: {error}");
        assert!(!error.reason.is_empty() && !error.reason.contains(" column "), "{error}");
    }
}

#[test]
fn foreign_encodings_are_refused() {
    let error = agreed(b"[\"a\",\n\"\xc3\xa9\xff\"]").unwrap_err();
    assert_eq!((error.line, error.column, error.offset), (2, 3, 9));
    assert!(error.reason.contains("UTF-8"));
    // An encoded surrogate, an overlong form, and text that ends inside a character.
    for state in [b"\"\xed\xa0\x80\"".as_slice(), b"\"\xc0\xaf\"", b"\"\xe2\x82"] {
        assert_eq!(agreed(state).unwrap_err().offset, 1);
    }
    assert!(agreed(b"\xef\xbb\xbf1").unwrap_err().reason.contains("byte order mark"));
    assert!(agreed(b"\xff\xfe1\0").is_err());
}

#[test]
fn nesting_takes_no_stack() {
    let deep = std::thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        let depth = 300_000;
        let open = "[".repeat(depth);
        assert!(agreed(open.as_bytes()).is_err());
        assert_eq!(agreed(format!("{open}{}", "]".repeat(depth)).as_bytes()), Ok(()));
        let open = "{\"a\":[".repeat(depth);
        assert!(agreed(open.as_bytes()).is_err());
        assert_eq!(agreed(format!("{open}{}", "]}".repeat(depth)).as_bytes()), Ok(()));
    });
    deep.unwrap().join().unwrap();
}

/// The suite is not part of this repository; the inline cases above hold without it.
#[test]
fn the_json_test_suite_agrees() {
    let suite = "awkward/JSONTestSuite/test_parsing";
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let places = ["../shared/data", "../../shared/data"].map(|place| workspace.join(place));
    let given = std::env::var_os("PERSIST_TEST_DATA").map(PathBuf::from);
    let found = given.into_iter().chain(places).find_map(|data| std::fs::read_dir(data.join(suite)).ok());
    let Some(files) = found else {
        println!("skipped: no {suite}; PERSIST_TEST_DATA may name the directory that holds it");
        return;
    };
    let mut counts = [0, 0];
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let result = agreed(&std::fs::read(&path).unwrap());
        // The remaining files, named i_, are left to the implementation.
        if name.starts_with("y_") {
            assert_eq!(result, Ok(()), "{name}");
            counts[0] += 1;
        } else if name.starts_with("n_") {
            assert!(result.is_err(), "{name}");
            counts[1] += 1;
        }
    }
    assert!(counts[0] > 0 && counts[1] > 0);
    println!("{} files accepted, {} refused", counts[0], counts[1]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_forms_agree_on_damaged_texts(mut text in samples::json(), edits in vec(samples::edit(), 1..4)) {
        prop_assert_eq!(agreed(&text), Ok(()));
        for edit in edits {
            edit.apply(&mut text);
            let _ = agreed(&text);
        }
    }
}

#[test]
fn media_types_say_what_is_json() {
    for json in
        ["application/json", "Application/JSON; charset=utf-8", "application/problem+json", "text/json"]
    {
        assert!(is_json_type(json), "{json}");
    }
    for other in ["text/plain", "application/jsonl", "application/octet-stream", ""] {
        assert!(!is_json_type(other), "{other}");
    }
}
