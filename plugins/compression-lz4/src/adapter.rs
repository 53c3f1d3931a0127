//! The adapter and its options, of which there are none.

use persist_plugin_api::{CompressionAdapter, Result};
use serde::Deserialize;

use crate::{block, frame};

/// The options of the lz4 adapter: none.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lz4Config {}

/// Compresses with LZ4.
pub struct Lz4;

impl CompressionAdapter for Lz4 {
    type Config = Lz4Config;

    const SUPPORTS_PREFIX: bool = true;

    fn open(Lz4Config {}: Lz4Config) -> Result<Self> {
        Ok(Self)
    }

    fn compress(&self, input: &[u8]) -> Result<Vec<u8>> {
        frame::compress(input)
    }

    fn decompress(&self, input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        frame::decompress(input, max_output)
    }

    fn compress_with_prefix(&self, prefix: &[u8], input: &[u8]) -> Result<Vec<u8>> {
        block::compress(prefix, input)
    }

    fn decompress_with_prefix(&self, prefix: &[u8], input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        block::decompress(prefix, input, max_output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_file_describes_the_options() {
        let file: serde_json::Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let options = schemars::schema_for!(Lz4Config).to_value();
        assert_eq!(file, options, "src/schema.json should be:\n{options:#}");
    }
}
