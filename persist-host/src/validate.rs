//! The check that a state is JSON, without building anything from it.

use serde::de::IgnoredAny;

/// Why a state is not JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid JSON at line {line}, column {column}: {reason}")]
pub struct InvalidJson {
    /// The line, counted from 1; lines end with a line feed.
    pub line: usize,
    /// The column, counted from 1 in characters.
    pub column: usize,
    /// The offset from the start of the state, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Checks that `state` is exactly one JSON value of RFC 8259, in UTF-8 and without a byte order mark.
///
/// Time is linear, nesting costs one byte of memory a level and no stack, and nothing is altered.
///
/// # Errors
///
/// [`InvalidJson`] with the place of the first offence.
pub fn validate_json(state: &[u8]) -> Result<(), InvalidJson> {
    if let Err(error) = simdutf8::compat::from_utf8(state) {
        let offset = error.valid_up_to();
        return Err(at(state, offset, "the bytes here are not UTF-8".to_owned()));
    }
    if state.starts_with("\u{feff}".as_bytes()) {
        return Err(at(state, 0, "a byte order mark is not allowed".to_owned()));
    }
    // Skipping a value is iterative in serde_json, so no recursion limit applies and no stack is used.
    match serde_json::from_slice::<IgnoredAny>(state) {
        Ok(_) => Ok(()),
        Err(error) => Err(locate(state, &error)),
    }
}

/// Turns the line and column of the parser, which are those of the last byte it looked at, into an offset.
fn locate(state: &[u8], error: &serde_json::Error) -> InvalidJson {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let reason = text.strip_suffix(&position).unwrap_or(&text).to_owned();
    if error.is_eof() {
        return at(state, state.len(), reason);
    }
    let newlines = || state.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(offset, _)| offset);
    let line_start = match error.line().checked_sub(2) {
        Some(before) => newlines().nth(before).map_or(0, |newline| newline + 1),
        None => 0,
    };
    let mut offset = (line_start + error.column().saturating_sub(1)).min(state.len());
    // The parser stops in front of a control character in a string, but behind any other offence.
    if state.get(offset).is_some_and(|byte| *byte >= b' ')
        && state.get(offset + 1).is_some_and(|byte| *byte < b' ')
        && reason.starts_with("control character")
    {
        offset += 1;
    }
    at(state, offset, reason)
}

fn at(state: &[u8], offset: usize, reason: String) -> InvalidJson {
    let before = &state[..offset];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    // Continuation bytes belong to the character that they follow.
    let column = before[line_start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1;
    InvalidJson { line, column, offset, reason }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

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
            assert_eq!(validate_json(state.as_bytes()), Ok(()), "{state}");
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
            let error = validate_json(state).unwrap_err();
            let shown = String::from_utf8_lossy(state);
            assert_eq!(
                (error.line, error.column, error.offset),
                (line, column, offset),
                "{shown:?}: {error}"
            );
            assert!(!error.reason.is_empty() && !error.reason.contains(" column "), "{error}");
        }
    }

    #[test]
    fn foreign_encodings_are_refused() {
        let error = validate_json(b"[\"a\",\n\"\xc3\xa9\xff\"]").unwrap_err();
        assert_eq!((error.line, error.column, error.offset), (2, 3, 9));
        assert!(error.reason.contains("UTF-8"));
        // An encoded surrogate, an overlong form, and text that ends inside a character.
        for state in [b"\"\xed\xa0\x80\"".as_slice(), b"\"\xc0\xaf\"", b"\"\xe2\x82"] {
            assert_eq!(validate_json(state).unwrap_err().offset, 1);
        }
        assert!(validate_json(b"\xef\xbb\xbf1").unwrap_err().reason.contains("byte order mark"));
        assert!(validate_json(b"\xff\xfe1\0").is_err());
    }

    #[test]
    fn nesting_takes_no_stack() {
        let deep = std::thread::Builder::new().stack_size(128 * 1024).spawn(|| {
            let depth = 300_000;
            let open = "[".repeat(depth);
            assert!(validate_json(open.as_bytes()).is_err());
            assert_eq!(validate_json(format!("{open}{}", "]".repeat(depth)).as_bytes()), Ok(()));
            let open = "{\"a\":[".repeat(depth);
            assert!(validate_json(open.as_bytes()).is_err());
            assert_eq!(validate_json(format!("{open}{}", "]}".repeat(depth)).as_bytes()), Ok(()));
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
            let result = validate_json(&std::fs::read(&path).unwrap());
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
}
