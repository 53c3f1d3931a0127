//! The adapter.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use persist_plugin_api::{CompressionAdapter, Error, ErrorCode, Result};

use crate::config::GzipConfig;
use crate::decompress::decompress;
use crate::encoders::Encoders;
use crate::prefix::{compress_with_prefix, decompress_with_prefix};

/// The header's code for "written on no particular system", so that streams are equal wherever they were written.
const NO_SYSTEM: u8 = 255;

/// Compresses with gzip.
pub struct Gzip {
    level: Compression,
    encoders: Encoders,
}

impl CompressionAdapter for Gzip {
    type Config = GzipConfig;

    const SUPPORTS_PREFIX: bool = true;

    fn open(config: GzipConfig) -> Result<Self> {
        let level = Compression::new(config.checked_level()?);
        Ok(Self { level, encoders: Encoders::new(level) })
    }

    fn compress(&self, input: &[u8]) -> Result<Vec<u8>> {
        let output = Vec::with_capacity(input.len() / 4 + 64);
        let mut encoder = GzBuilder::new().mtime(0).operating_system(NO_SYSTEM).write(output, self.level);
        encoder.write_all(input).and_then(|()| encoder.finish()).map_err(|error| {
            let message = format!("cannot compress {} bytes with gzip", input.len());
            Error::new(ErrorCode::OTHER, message).with_source(error)
        })
    }

    fn decompress(&self, input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        decompress(input, max_output)
    }

    fn compress_with_prefix(&self, prefix: &[u8], input: &[u8]) -> Result<Vec<u8>> {
        compress_with_prefix(&self.encoders, prefix, input)
    }

    fn decompress_with_prefix(&self, prefix: &[u8], input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        decompress_with_prefix(prefix, input, max_output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(level: i64) -> Gzip {
        Gzip::open(GzipConfig::new().level(level)).unwrap()
    }

    #[test]
    fn equal_inputs_give_equal_streams_without_a_time() {
        let (first, second) = (gzip(6).compress(b"state").unwrap(), gzip(6).compress(b"state").unwrap());
        assert_eq!(first, second);
        assert_eq!(first[..4], [0x1f, 0x8b, 8, 0], "gzip, deflate, no optional fields");
        assert_eq!(first[4..8], [0; 4], "no time");
        assert_eq!(first[9], NO_SYSTEM);
    }

    #[test]
    fn every_level_is_read_by_every_other() {
        let input = b"the same words, the same words, the same words".repeat(1000);
        let mut lengths = Vec::new();
        for level in 0..=9 {
            let stream = gzip(level).compress(&input).unwrap();
            assert_eq!(gzip(9 - level).decompress(&stream, input.len() as u64).unwrap(), input);
            lengths.push(stream.len());
        }
        assert!(lengths[0] > input.len() && lengths[1] < input.len() / 10 && lengths[9] <= lengths[1]);
    }
}
