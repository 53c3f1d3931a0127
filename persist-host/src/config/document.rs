//! A config file as a tree of values, with the line of every key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

/// A parsed file that nobody has looked into yet.
pub(super) struct Document {
    /// The file, for messages.
    pub(super) file: PathBuf,
    /// Its values.
    pub(super) root: Map<String, Value>,
    /// The line of every key, counted from 1, by the key's dotted path.
    pub(super) lines: BTreeMap<String, usize>,
}

impl Document {
    /// The line of a key; 1 for one that the file does not hold.
    pub(super) fn line(&self, path: &str) -> usize {
        self.lines.get(path).copied().unwrap_or(1)
    }
}

/// The dotted path of `key` inside the table at `path`, quoted where TOML would need quotes.
pub(super) fn child(path: &str, key: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    let key = if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The path of an element of the list at `path`.
pub(super) fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// What kind of value this is, in words for a message.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}
