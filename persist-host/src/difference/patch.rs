//! Changes as a JSON Patch.

use std::fmt::Write as _;

use super::{Change, Edit};

/// The patch, on one line.
pub(super) fn json_patch(changes: &[Change<'_>]) -> String {
    let mut patch = String::from("[");
    for (number, change) in changes.iter().enumerate() {
        if number > 0 {
            patch.push(',');
        }
        let (operation, value) = match change.edit {
            Edit::Added(value) => ("add", Some(value)),
            Edit::Removed(_) => ("remove", None),
            Edit::Changed { new, .. } => ("replace", Some(new)),
        };
        patch.push_str(&format!("{{\"op\":\"{operation}\",\"path\":"));
        push_string(&mut patch, &change.path);
        if let Some(value) = value {
            patch.push_str(",\"value\":");
            push_compact(&mut patch, value);
        }
        patch.push('}');
    }
    patch.push(']');
    patch
}

fn push_string(patch: &mut String, text: &str) {
    patch.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => patch.extend(['\\', character]),
            control if control.is_control() => {
                // Writing to a string cannot fail. Every control character is below U+10000.
                let _ = write!(patch, "\\u{:04x}", u32::from(control));
            }
            other => patch.push(other),
        }
    }
    patch.push('"');
}

/// Appends JSON as it is written, but for the white space between its values.
fn push_compact(patch: &mut String, json: &str) {
    let (mut in_string, mut escaped) = (false, false);
    let mut copied = 0;
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b' ' | b'\t' | b'\n' | b'\r' if !in_string => {
                patch.push_str(&json[copied..at]);
                copied = at + 1;
            }
            _ => {}
        }
    }
    patch.push_str(&json[copied..]);
}
