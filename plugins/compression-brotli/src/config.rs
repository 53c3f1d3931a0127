//! The adapter's options.

use std::ops::RangeInclusive;

use persist_plugin_api::{Error, ErrorCode, Result};
use serde::Deserialize;

/// The options of the brotli adapter.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BrotliConfig {
    // Wider than their values, so that every wrong number meets the error that names the right ones.
    /// 0 (fastest) to 11 (smallest, slowest).
    #[serde(default = "default_quality")]
    #[cfg_attr(test, schemars(range(min = 0, max = 11)))]
    quality: i64,
    /// How far back it looks: 2 to this power of bytes, 10 to 24.
    #[serde(default = "default_window")]
    #[cfg_attr(test, schemars(range(min = 10, max = 24)))]
    window: i64,
}

impl BrotliConfig {
    /// The default quality, 5, and the default window, 22.
    #[must_use]
    pub fn new() -> Self {
        Self { quality: default_quality(), window: default_window() }
    }

    /// Sets the quality, 0 to 11.
    #[must_use]
    pub fn quality(mut self, quality: i64) -> Self {
        self.quality = quality;
        self
    }

    /// Sets the window to 2 to this power of bytes, 10 to 24.
    #[must_use]
    pub fn window(mut self, window: i64) -> Self {
        self.window = window;
        self
    }

    /// The quality, if it is one.
    pub(crate) fn checked_quality(&self) -> Result<i32> {
        checked("quality", self.quality, 0..=11)
    }

    /// The window, if it is one.
    pub(crate) fn checked_window(&self) -> Result<i32> {
        checked("window", self.window, 10..=24)
    }
}

impl Default for BrotliConfig {
    fn default() -> Self {
        Self::new()
    }
}

fn checked(option: &str, value: i64, allowed: RangeInclusive<i32>) -> Result<i32> {
    i32::try_from(value).ok().filter(|value| allowed.contains(value)).ok_or_else(|| {
        let (least, most) = allowed.into_inner();
        let message =
            format!("brotli's option {option} is {value}; allowed are the whole numbers {least} to {most}");
        Error::new(ErrorCode::CONFIG, message)
    })
}

fn default_quality() -> i64 {
    5
}

fn default_window() -> i64 {
    22
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_file_describes_the_options() {
        let file: serde_json::Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let options = schemars::schema_for!(BrotliConfig).to_value();
        assert_eq!(file, options, "src/schema.json should be:\n{options:#}");
    }

    #[test]
    fn a_value_out_of_range_names_the_allowed_ones() {
        for (config, value, allowed) in [
            (BrotliConfig::new().quality(-1), "quality is -1", "0 to 11"),
            (BrotliConfig::new().quality(12), "quality is 12", "0 to 11"),
            (BrotliConfig::new().window(9), "window is 9", "10 to 24"),
            (BrotliConfig::new().window(25), "window is 25", "10 to 24"),
        ] {
            let error = config.checked_quality().and_then(|_| config.checked_window()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().contains(value) && error.message().contains(allowed), "{error}");
        }
        let usual: BrotliConfig = serde_json::from_str("{}").unwrap();
        assert_eq!((usual.checked_quality().unwrap(), usual.checked_window().unwrap()), (5, 22));
    }
}
