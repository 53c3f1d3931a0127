//! The adapter.

use brotli::enc::BrotliEncoderParams;
use persist_plugin_api::{CompressionAdapter, Error, ErrorCode, Result};

use crate::config::BrotliConfig;
use crate::decompress::decompress;

/// Compresses with Brotli.
pub struct Brotli {
    quality: i32,
    window: i32,
}

impl CompressionAdapter for Brotli {
    type Config = BrotliConfig;

    fn open(config: BrotliConfig) -> Result<Self> {
        Ok(Self { quality: config.checked_quality()?, window: config.checked_window()? })
    }

    fn compress(&self, input: &[u8]) -> Result<Vec<u8>> {
        let parameters = BrotliEncoderParams {
            quality: self.quality,
            lgwin: self.window,
            size_hint: input.len(),
            ..BrotliEncoderParams::default()
        };
        let mut output = Vec::with_capacity(input.len() / 4 + 64);
        brotli::BrotliCompress(&mut &*input, &mut output, &parameters).map_err(|error| {
            let message = format!("cannot compress {} bytes with brotli", input.len());
            Error::new(ErrorCode::OTHER, message).with_source(error)
        })?;
        output.extend_from_slice(&crc32fast::hash(input).to_le_bytes());
        Ok(output)
    }

    fn decompress(&self, input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        decompress(input, max_output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quality_and_window_is_read_by_every_other() {
        let input = b"the same words, the same words, the same words".repeat(1000);
        let qualities = (0..=11).map(|quality| BrotliConfig::new().quality(quality));
        let windows = [10, 16, 24].map(|window| BrotliConfig::new().window(window));
        let reader = Brotli::open(BrotliConfig::new()).unwrap();
        for config in qualities.chain(windows) {
            let stream = Brotli::open(config.clone()).unwrap().compress(&input).unwrap();
            assert!(stream.len() < input.len() / 10, "{config:?}: {}", stream.len());
            assert_eq!(reader.decompress(&stream, input.len() as u64).unwrap(), input, "{config:?}");
        }
    }

    #[test]
    fn a_stream_ends_with_the_checksum_of_its_content() {
        let stream = Brotli::open(BrotliConfig::new()).unwrap().compress(b"123456789").unwrap();
        // The check value that is published with the polynomial.
        assert!(stream.ends_with(&0xcbf4_3926_u32.to_le_bytes()));
    }
}
