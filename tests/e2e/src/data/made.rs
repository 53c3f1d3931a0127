//! Samples for those who have no collection of real states: few, small, and awkward where real ones are.

use persist_test_support::agent_state;

use super::{JsonCase, Sample, Session};

/// The depth of nesting that no parser survives by calling itself.
const DEPTH: usize = 100_000;

pub(super) fn states() -> Vec<Sample> {
    let json: [(&str, &[u8]); 7] = [
        ("null", b"null"),
        ("white space around", b" \r\n\t{ \"a\" : [ ] }\n\n"),
        ("duplicate keys", br#"{"k":1,"k":2,"":{"":0}}"#),
        ("numbers that no double holds", br#"[1e400,0.1000,-0,123456789012345678901234567890,1E+2]"#),
        ("escapes and their characters", "{\"e\":\"\\u00e9é\\ud83d\\ude00😀\\/\"}".as_bytes()),
        ("lone surrogate escape", br#"["\ud800"]"#),
        ("control escapes", br#"["\u0000\u001f\b\f"]"#),
    ];
    let binary: [(&str, Vec<u8>); 3] =
        [("nothing", Vec::new()), ("every byte", (0..=255).collect()), ("zeros", vec![0; 300_000])];
    let json = json.into_iter().map(|(name, bytes)| (name, None, bytes.to_vec()));
    let large = std::iter::once(("a conversation", None, agent_state(1_500_000)));
    let binary = binary.into_iter().map(|(name, bytes)| (name, Some("application/octet-stream"), bytes));
    json.chain(large)
        .chain(binary)
        .map(|(name, media_type, bytes)| Sample { name: name.to_owned(), media_type, bytes })
        .collect()
}

pub(super) fn sessions() -> Vec<Session> {
    ["short", "with tools", "long"]
        .iter()
        .enumerate()
        .map(|(number, name)| Session {
            name: (*name).to_owned(),
            states: (1..=8 * (number + 1)).map(|step| agent_state(step * 4_000)).collect(),
        })
        .collect()
}

pub(super) fn json_cases() -> Vec<JsonCase> {
    let cases: [(&str, &[u8]); 22] = [
        ("y_empty_object", b"{}"),
        ("y_lonely_false", b"false"),
        ("y_lonely_string", br#""asd""#),
        ("y_number_0e+1", b"[0e+1]"),
        ("y_space_array", b" [] "),
        ("y_duplicated_key", br#"{"a":"b","a":"c"}"#),
        ("y_noncharacter", "[\"\u{ffff}\"]".as_bytes()),
        ("y_escaped_null", br#"["\u0000"]"#),
        ("n_nothing", b""),
        ("n_space", b" "),
        ("n_trailing_comma", b"[1,]"),
        ("n_two_values", b"1 2"),
        ("n_single_quotes", b"{'a':0}"),
        ("n_comment", b"[1] // one"),
        ("n_leading_zero", b"[012]"),
        ("n_nan", b"[NaN]"),
        ("n_infinity", b"[-Infinity]"),
        ("n_raw_newline", b"[\"a\nb\"]"),
        ("n_invalid_utf8", b"[\"\xff\"]"),
        ("n_unclosed_string", br#"["a"#),
        ("i_lone_surrogate", br#"["\ud800"]"#),
        ("i_byte_order_mark", b"\xef\xbb\xbf{}"),
    ];
    cases.into_iter().map(|(name, bytes)| JsonCase::new(name.to_owned(), bytes.to_vec())).collect()
}

/// Nesting far beyond what a stack holds, closed and not.
pub(super) fn deep_json_cases() -> Vec<JsonCase> {
    let arrays = [vec![b'['; DEPTH], vec![b']'; DEPTH]].concat();
    let objects = [br#"{"a":"#.repeat(DEPTH), b"1".to_vec(), vec![b'}'; DEPTH]].concat();
    vec![
        JsonCase::new("y_deep_arrays".to_owned(), arrays.clone()),
        JsonCase::new("y_deep_objects".to_owned(), objects.clone()),
        JsonCase::new("n_deep_arrays_unclosed".to_owned(), vec![b'['; DEPTH]),
        JsonCase::new("n_deep_arrays_one_short".to_owned(), arrays[..arrays.len() - 1].to_vec()),
        JsonCase::new("n_deep_objects_unclosed".to_owned(), objects[..objects.len() - DEPTH].to_vec()),
    ]
}
