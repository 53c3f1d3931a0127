//! The check that a state is JSON, without building anything from it.

mod push;
#[cfg(test)]
pub(crate) mod samples;

use serde::de::IgnoredAny;

pub(crate) use self::push::{Refused, Validator};

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

/// Whether a media type promises JSON, as `application/problem+json` does too.
#[must_use]
pub fn is_json_type(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or(media_type).trim().to_ascii_lowercase();
    matches!(&essence[..], "application/json" | "text/json") || essence.ends_with("+json")
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
mod tests;
