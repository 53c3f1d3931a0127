//! The adapter's options.

use std::path::PathBuf;

use persist_plugin_api::{Error, ErrorCode, Result};
use serde::Deserialize;

/// The options of the local adapter.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LocalConfig {
    /// The directory that holds the objects, as an absolute path. The first save creates it.
    pub(crate) root: PathBuf,
    /// Whether a write waits until the disk has it. Without, a crash of the machine may lose writes that returned.
    #[serde(default = "yes")]
    pub(crate) fsync: bool,
}

impl LocalConfig {
    /// Keeps objects durably below a directory.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), fsync: true }
    }

    /// Sets whether a write waits until the disk has it.
    #[must_use]
    pub fn fsync(mut self, yes: bool) -> Self {
        self.fsync = yes;
        self
    }

    /// Checks what can be checked without looking at the file system.
    pub(crate) fn check(&self) -> Result<()> {
        let root = &self.root;
        if root.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(Error::new(
                ErrorCode::CONFIG,
                format!("the option root = {root:?} holds a NUL byte"),
            ));
        }
        if root.is_absolute() {
            return Ok(());
        }
        let why = if root.starts_with("~") {
            "\"~\" is not expanded: write out the path of the home directory, or \"${HOME}\" in a config file"
        } else {
            "where it leads would depend on the directory in which a program is started: write the absolute path"
        };
        Err(Error::new(
            ErrorCode::CONFIG,
            format!("the option root = {root:?} is not an absolute path; {why}"),
        ))
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_file_describes_the_options() {
        let file: serde_json::Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let options = schemars::schema_for!(LocalConfig).to_value();
        assert_eq!(file, options, "src/schema.json should be:\n{options:#}");
    }

    #[test]
    fn only_an_absolute_root_is_accepted() {
        LocalConfig::new("/var/lib/persist").check().unwrap();
        for (root, reason) in [("store", "absolute"), ("", "absolute"), ("~/store", "HOME"), ("/a\0b", "NUL")]
        {
            let error = LocalConfig::new(root).check().unwrap_err();
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().contains(reason), "{error}");
        }
    }

    #[test]
    fn syncing_is_the_default() {
        assert!(serde_json::from_str::<LocalConfig>(r#"{"root": "/r"}"#).unwrap().fsync);
        assert!(!serde_json::from_str::<LocalConfig>(r#"{"root": "/r", "fsync": false}"#).unwrap().fsync);
        serde_json::from_str::<LocalConfig>(r#"{"root": "/r", "sync": false}"#).unwrap_err();
    }
}
