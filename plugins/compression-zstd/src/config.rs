//! The adapter's options.

use persist_plugin_api::{Error, ErrorCode, Result};
use serde::Deserialize;

/// The options of the zstd adapter.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ZstdConfig {
    // Wider than their values, so that every wrong number meets the error that names the right ones.
    /// -7 (fastest) to 22 (smallest, slowest); 0 is the same as 3.
    #[serde(default = "default_level")]
    #[cfg_attr(test, schemars(range(min = -7, max = 22)))]
    level: i64,
    /// How far back matches are looked for: 2 to this power of bytes, 10 to 27. Left out, as far as the level does.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 10, max = 27)))]
    window_log: Option<i64>,
}

impl ZstdConfig {
    /// The default level, 6, and the window that belongs to it: on agents' sessions 4 % smaller than 3, and the first to
    /// take less space than the default of the gzip adapter.
    #[must_use]
    pub fn new() -> Self {
        Self { level: default_level(), window_log: None }
    }

    /// Sets the level, -7 to 22.
    #[must_use]
    pub fn level(mut self, level: i64) -> Self {
        self.level = level;
        self
    }

    /// Sets the window to 2 to this power of bytes, 10 to 27, and looks for matches all over it.
    #[must_use]
    pub fn window_log(mut self, window_log: i64) -> Self {
        self.window_log = Some(window_log);
        self
    }

    /// The level, if it is one.
    pub(crate) fn checked_level(&self) -> Result<i32> {
        i32::try_from(self.level).ok().filter(|level| (-7..=22).contains(level)).ok_or_else(|| {
            let message =
                format!("zstd's option level is {}; allowed are the whole numbers -7 to 22", self.level);
            Error::new(ErrorCode::CONFIG, message)
        })
    }

    /// The window, if one is asked for and it is one.
    pub(crate) fn checked_window_log(&self) -> Result<Option<u32>> {
        let Some(asked) = self.window_log else { return Ok(None) };
        match u32::try_from(asked).ok().filter(|window_log| (10..=27).contains(window_log)) {
            Some(window_log) => Ok(Some(window_log)),
            None => {
                let message =
                    format!("zstd's option window_log is {asked}; allowed are the whole numbers 10 to 27");
                Err(Error::new(ErrorCode::CONFIG, message))
            }
        }
    }
}

impl Default for ZstdConfig {
    fn default() -> Self {
        Self::new()
    }
}

fn default_level() -> i64 {
    6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_file_describes_the_options() {
        let file: serde_json::Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let options = schemars::schema_for!(ZstdConfig).to_value();
        assert_eq!(file, options, "src/schema.json should be:\n{options:#}");
    }

    #[test]
    fn a_level_out_of_range_names_the_allowed_ones() {
        for level in [-8, 23, i64::MIN, i64::MAX] {
            let error = ZstdConfig::new().level(level).checked_level().unwrap_err();
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().contains(&level.to_string()), "{error}");
            assert!(error.message().contains("-7 to 22"), "{error}");
        }
        assert_eq!(serde_json::from_str::<ZstdConfig>("{}").unwrap().checked_level().unwrap(), 6);
    }

    #[test]
    fn a_window_out_of_range_names_the_allowed_ones() {
        for window_log in [-1, 9, 28, i64::MAX] {
            let error = ZstdConfig::new().window_log(window_log).checked_window_log().unwrap_err();
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().contains(&window_log.to_string()), "{error}");
            assert!(error.message().contains("10 to 27"), "{error}");
        }
        assert_eq!(ZstdConfig::new().checked_window_log().unwrap(), None);
    }
}
