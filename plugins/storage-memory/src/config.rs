//! The adapter's options.

use serde::Deserialize;

/// The options of the memory adapter.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MemoryConfig {
    /// Adapters opened with the same name in one process share one store. Without a name the store is private.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// The most bytes that the keys and objects may have together.
    #[serde(default = "default_max_bytes")]
    pub(crate) max_bytes: u64,
}

impl MemoryConfig {
    /// A private store of at most 1 GiB.
    #[must_use]
    pub fn new() -> Self {
        Self { name: None, max_bytes: default_max_bytes() }
    }

    /// Shares the store with every adapter of this name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the most bytes that the keys and objects may have together.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self::new()
    }
}

fn default_max_bytes() -> u64 {
    1 << 30
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_file_describes_the_options() {
        let file: serde_json::Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let options = schemars::schema_for!(MemoryConfig).to_value();
        assert_eq!(file, options, "src/schema.json should be:\n{options:#}");
    }

    #[test]
    fn a_misspelt_option_is_refused_by_name() {
        let error = serde_json::from_str::<MemoryConfig>(r#"{"max_byte": 5}"#).unwrap_err().to_string();
        assert!(error.contains("max_byte") && error.contains("max_bytes"), "{error}");
    }
}
