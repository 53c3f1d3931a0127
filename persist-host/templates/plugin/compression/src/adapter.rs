//! The adapter.

use persist_plugin_api::{CompressionAdapter, Result};

use crate::config::{{Config}};
use crate::rle;

/// Compresses by run lengths.
pub struct {{Type}} {
    min_run: usize,
}

impl CompressionAdapter for {{Type}} {
    type Config = {{Config}};

    fn open(config: {{Config}}) -> Result<Self> {
        Ok(Self { min_run: config.checked_min_run()? })
    }

    fn compress(&self, input: &[u8]) -> Result<Vec<u8>> {
        Ok(rle::compress(input, self.min_run))
    }

    fn decompress(&self, input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        rle::decompress(input, max_output)
    }
}
