//! What a config file that was merely found in the current directory may not say.
//!
//! The file may belong to a repository that somebody else wrote. Choosing a store and its options is harmless enough;
//! naming code, hosts or the environment's contents is not.

use serde_json::{Map, Value};

use super::document::{Document, child, element};
use super::error::untrusted;
use crate::Result;

/// Keys of the top level that decide which code runs, what is believed of it and where it is written what was done.
const SENSITIVE_SECTIONS: [(&str, &str); 8] = [
    ("audit", "it could make Persist write to any of your files"),
    ("keys", FOREIGN_CODE),
    ("lock", FOREIGN_CODE),
    ("log", "it could make Persist write to any of your files"),
    ("metrics", "it could make Persist open a port"),
    ("plugin", FOREIGN_CODE),
    ("plugins", FOREIGN_CODE),
    ("traces", "it could send the names of your sessions elsewhere"),
];

const FOREIGN_CODE: &str = "it could make Persist run or trust foreign code";

/// Refuses a document that says more than its origin is trusted with.
///
/// # Errors
///
/// The code `config_untrusted`, naming file, line, key and reason.
pub(super) fn check(document: &Document) -> Result<()> {
    for (section, reason) in SENSITIVE_SECTIONS {
        if document.root.contains_key(section) {
            return Err(untrusted(document, section, reason));
        }
    }
    check_table(document, "", &document.root)
}

fn check_table(document: &Document, path: &str, table: &Map<String, Value>) -> Result<()> {
    table.iter().try_for_each(|(key, value)| {
        let path = child(path, key);
        // The names of adapters' options are open; every one that speaks of an endpoint chooses a host.
        if key.to_ascii_lowercase().contains("endpoint") {
            return Err(untrusted(document, &path, "it could send your snapshots and credentials elsewhere"));
        }
        check_value(document, &path, value)
    })
}

fn check_value(document: &Document, path: &str, value: &Value) -> Result<()> {
    match value {
        Value::String(text) if text.contains("${") => {
            Err(untrusted(document, path, "its ${VAR} would read your environment"))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_value(document, &element(path, index), item)),
        Value::Object(table) => check_table(document, path, table),
        _ => Ok(()),
    }
}
