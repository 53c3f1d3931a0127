//! The adapter.

use persist_plugin_api::{CompressionAdapter, Result};
use serde::Deserialize;

use crate::stream;

/// There are no options.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnappyConfig {}

/// Compresses with Snappy.
pub struct Snappy;

impl CompressionAdapter for Snappy {
    type Config = SnappyConfig;

    fn open(_: SnappyConfig) -> Result<Self> {
        Ok(Self)
    }

    fn compress(&self, input: &[u8]) -> Result<Vec<u8>> {
        stream::compress(input)
    }

    fn decompress(&self, input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        stream::decompress(input, max_output)
    }
}
