//! What a config says of plugins.

use std::path::Path;

use serde_json::Value;

use super::Table;
use crate::config::document::{element, kind_of};
use crate::config::error::bad_value;
use crate::config::model::PluginsConfig;
use crate::{Result, TrustedKey};

/// Reads the table `plugins`.
///
/// # Errors
///
/// For an unknown key and for a value that is not allowed.
pub(super) fn plugins(table: &Table<'_>) -> Result<PluginsConfig> {
    table.allow(&["path", "require_lock", "trusted_keys"])?;
    let base = table.document.file.parent().unwrap_or(Path::new(""));
    let path = list(table, "path", ["a directory", "directories"], r#"["/opt/persist/plugins"]"#, |text| {
        if text.is_empty() {
            Err("is an empty string; expected a directory as a string".to_owned())
        } else {
            Ok(base.join(text))
        }
    })?;
    let trusted_keys =
        list(table, "trusted_keys", ["a public key", "public keys"], r#"["RWQ..."]"#, |text| {
            text.parse::<TrustedKey>().map_err(|error| format!("is {error}"))
        })?;
    let require_lock = table.boolean("require_lock")?.unwrap_or(false);
    Ok(PluginsConfig { path, require_lock, trusted_keys })
}

/// Reads a list of strings. `read` makes a value of each, or says what is wrong with it.
fn list<T>(
    table: &Table<'_>,
    key: &str,
    [one, many]: [&str; 2],
    example: &str,
    read: impl Fn(&str) -> std::result::Result<T, String>,
) -> Result<Vec<T>> {
    let path = table.path_of(key);
    let items = match table.entries.get(key) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => {
            let problem = format!("is {}; expected a list of {many} such as {example}", kind_of(other));
            return Err(bad_value(table.document, &path, &problem));
        }
    };
    let items = items.iter().enumerate().map(|(index, item)| {
        let value = match item {
            Value::String(text) => read(text),
            other => Err(format!("is {}; expected {one} as a string", kind_of(other))),
        };
        value.map_err(|problem| bad_value(table.document, &element(&path, index), &problem))
    });
    items.collect()
}
