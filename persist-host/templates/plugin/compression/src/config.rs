//! The adapter's options.

use persist_plugin_api::{Error, ErrorCode, Result};
use serde::Deserialize;

/// What a user may write beside `adapter = "{{name}}"`. `schema.json` says the same for tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct {{Config}} {
    // Wider than its values, so that every wrong number meets the error that names the right ones.
    #[serde(default = "default_min_run")]
    min_run: i64,
}

impl {{Config}} {
    /// The default: runs of 3 equal bytes and more are shortened.
    #[must_use]
    pub fn new() -> Self {
        Self { min_run: default_min_run() }
    }

    /// Sets the shortest run of equal bytes that is shortened, 2 to 128.
    #[must_use]
    pub fn min_run(mut self, bytes: i64) -> Self {
        self.min_run = bytes;
        self
    }

    /// The option, if its value is allowed.
    pub(crate) fn checked_min_run(&self) -> Result<usize> {
        usize::try_from(self.min_run).ok().filter(|length| (2..=128).contains(length)).ok_or_else(|| {
            let message =
                format!("the option min_run is {}; allowed are the whole numbers 2 to 128", self.min_run);
            Error::new(ErrorCode::CONFIG, message)
        })
    }
}

impl Default for {{Config}} {
    fn default() -> Self {
        Self::new()
    }
}

fn default_min_run() -> i64 {
    3
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
        let config: {{Config}} = serde_json::from_value(examples.collect()).unwrap();
        config.checked_min_run().unwrap();
        assert_eq!(schema["properties"]["min_run"]["default"], default_min_run());
    }

    #[test]
    fn wrong_options_are_refused_by_name() {
        let error = serde_json::from_value::<{{Config}}>(json!({ "minrun": 4 })).unwrap_err().to_string();
        assert!(error.contains("minrun") && error.contains("min_run"), "{error}");
        for wrong in [-1, 0, 1, 129, i64::MAX] {
            let error = {{Config}}::new().min_run(wrong).checked_min_run().unwrap_err();
            assert_eq!(error.code(), ErrorCode::CONFIG);
        }
    }
}
