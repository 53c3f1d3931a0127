//! The adapter's options.

use persist_plugin_api::{Error, ErrorCode, Result};
use serde::Deserialize;

/// The options of the gzip adapter.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GzipConfig {
    // Wider than its values, so that every wrong number meets the error that names the right ones.
    /// 0 (stored, no compression) to 9 (smallest, slowest).
    #[serde(default = "default_level")]
    #[cfg_attr(test, schemars(range(min = 0, max = 9)))]
    level: i64,
}

impl GzipConfig {
    /// The default level, 5: on agents' states 0.5 % larger than 6 and a quarter less work.
    #[must_use]
    pub fn new() -> Self {
        Self { level: default_level() }
    }

    /// Sets the level, 0 to 9.
    #[must_use]
    pub fn level(mut self, level: i64) -> Self {
        self.level = level;
        self
    }

    /// The level, if it is one.
    pub(crate) fn checked_level(&self) -> Result<u32> {
        u32::try_from(self.level).ok().filter(|level| *level <= 9).ok_or_else(|| {
            let message =
                format!("gzip's option level is {}; allowed are the whole numbers 0 to 9", self.level);
            Error::new(ErrorCode::CONFIG, message)
        })
    }
}

impl Default for GzipConfig {
    fn default() -> Self {
        Self::new()
    }
}

fn default_level() -> i64 {
    5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_file_describes_the_options() {
        let file: serde_json::Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let options = schemars::schema_for!(GzipConfig).to_value();
        assert_eq!(file, options, "src/schema.json should be:\n{options:#}");
    }

    #[test]
    fn a_level_out_of_range_names_the_allowed_ones() {
        for level in [-1, 10, i64::MAX] {
            let error = GzipConfig::new().level(level).checked_level().unwrap_err();
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().contains(&level.to_string()), "{error}");
            assert!(error.message().contains("0 to 9"), "{error}");
        }
        assert_eq!(serde_json::from_str::<GzipConfig>("{}").unwrap().checked_level().unwrap(), 5);
    }
}
