//! The adapter.

use persist_plugin_api::{CompressionAdapter, Result};

use crate::compress::{Options, compress, compress_with_prefix};
use crate::config::ZstdConfig;
use crate::decompress::{decompress, decompress_with_prefix};

/// Compresses with Zstandard.
pub struct Zstd {
    options: Options,
}

impl CompressionAdapter for Zstd {
    type Config = ZstdConfig;

    const SUPPORTS_PREFIX: bool = true;

    fn open(config: ZstdConfig) -> Result<Self> {
        let (level, window_log) = (config.checked_level()?, config.checked_window_log()?);
        Ok(Self { options: Options { level, window_log } })
    }

    fn compress(&self, input: &[u8]) -> Result<Vec<u8>> {
        compress(self.options, input)
    }

    fn decompress(&self, input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        decompress(input, max_output)
    }

    fn compress_with_prefix(&self, prefix: &[u8], input: &[u8]) -> Result<Vec<u8>> {
        compress_with_prefix(self.options, prefix, input)
    }

    fn decompress_with_prefix(&self, prefix: &[u8], input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        decompress_with_prefix(prefix, input, max_output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zstd(config: ZstdConfig) -> Zstd {
        Zstd::open(config).unwrap()
    }

    #[test]
    fn every_level_and_window_is_read_by_every_other() {
        let input = b"the same words, the same words, the same words".repeat(1000);
        let configs = (-7..=22).map(|level| ZstdConfig::new().level(level));
        let configs = configs.chain([10, 27].map(|window_log| ZstdConfig::new().window_log(window_log)));
        let reader = zstd(ZstdConfig::new());
        for config in configs {
            let stream = zstd(config.clone()).compress(&input).unwrap();
            assert!(stream.len() < input.len() / 10, "{config:?}: {}", stream.len());
            assert_eq!(reader.decompress(&stream, input.len() as u64).unwrap(), input, "{config:?}");
        }
    }

    #[test]
    fn equal_inputs_give_equal_streams() {
        let adapter = zstd(ZstdConfig::new());
        let input = b"state".repeat(1000);
        assert_eq!(adapter.compress(&input).unwrap(), adapter.compress(&input).unwrap());
    }
}
