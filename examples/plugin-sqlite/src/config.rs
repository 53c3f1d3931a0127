//! The adapter's options.

use std::path::{Path, PathBuf};
use std::time::Duration;

use persist_plugin_api::{Error, ErrorCode, Result};
use serde::Deserialize;

/// The options of the SQLite adapter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqliteConfig {
    path: PathBuf,
    #[serde(default = "default_wait_ms")]
    wait_ms: u64,
}

impl SqliteConfig {
    /// A database in this file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), wait_ms: default_wait_ms() }
    }

    /// The file, if it can be one.
    pub(crate) fn checked_path(&self) -> Result<&Path> {
        if self.path.is_absolute() {
            return Ok(&self.path);
        }
        let message = format!("the option path is {:?}; it must be an absolute path", self.path);
        Err(Error::new(ErrorCode::CONFIG, message))
    }

    /// How long to wait for other writers.
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }
}

fn default_wait_ms() -> u64 {
    30_000
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_schema_describes_the_options() {
        let schema: Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        let examples = properties.iter().map(|(name, option)| (name.clone(), option["examples"][0].clone()));
        let config: SqliteConfig = serde_json::from_value(examples.collect()).unwrap();
        config.checked_path().unwrap();
        assert_eq!(properties["wait_ms"]["default"], default_wait_ms());
    }

    #[test]
    fn wrong_options_are_refused_by_name() {
        let error = serde_json::from_value::<SqliteConfig>(json!({ "file": "/x" })).unwrap_err().to_string();
        assert!(error.contains("file") && error.contains("path"), "{error}");
        assert_eq!(SqliteConfig::new("x").checked_path().unwrap_err().code(), ErrorCode::CONFIG);
    }
}
