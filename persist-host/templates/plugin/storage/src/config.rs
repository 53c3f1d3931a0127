//! The adapter's options.

use std::path::{Path, PathBuf};

use persist_plugin_api::{Error, ErrorCode, Result};
use serde::Deserialize;

/// What a user may write beside `adapter = "{{name}}"`. `schema.json` says the same for tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct {{Config}} {
    /// The directory for the objects.
    root: PathBuf,
}

impl {{Config}} {
    /// Objects in this directory.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory, if it can be one.
    pub(crate) fn checked_root(&self) -> Result<&Path> {
        if self.root.is_absolute() {
            return Ok(&self.root);
        }
        let message = format!("the option root is {:?}; it must be an absolute path", self.root);
        Err(Error::new(ErrorCode::CONFIG, message))
    }
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
        serde_json::from_value::<{{Config}}>(examples.collect()).unwrap();
    }

    #[test]
    fn wrong_options_are_refused_by_name() {
        let error = serde_json::from_value::<{{Config}}>(json!({ "roots": "/x" })).unwrap_err().to_string();
        assert!(error.contains("roots") && error.contains("root"), "{error}");
        let error = {{Config}}::new("x").checked_root().unwrap_err();
        assert_eq!(error.code(), ErrorCode::CONFIG);
    }
}
