//! The adapter and its options, of which there are none.

use persist_plugin_api::{CompressionAdapter, Error, ErrorCode, Result};
use serde::Deserialize;

/// The options of the adapter: none.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoneConfig {}

/// Stores bytes as they are.
pub struct Identity;

impl CompressionAdapter for Identity {
    type Config = NoneConfig;

    fn open(NoneConfig {}: NoneConfig) -> Result<Self> {
        Ok(Self)
    }

    fn compress(&self, input: &[u8]) -> Result<Vec<u8>> {
        Ok([input, &crc32fast::hash(input).to_le_bytes()].concat())
    }

    fn decompress(&self, input: &[u8], max_output: u64) -> Result<Vec<u8>> {
        let whole = input
            .split_last_chunk()
            .filter(|(content, checksum)| crc32fast::hash(content).to_le_bytes() == **checksum);
        let Some((content, _)) = whole else {
            let message = format!(
                "the stored bytes, {}, are damaged, cut off, or followed by others: their checksum is wrong",
                input.len()
            );
            return Err(Error::new(ErrorCode::CORRUPT, message));
        };
        if content.len() as u64 > max_output {
            let message = format!("the stored bytes are {}, which is more than {max_output}", content.len());
            return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, message));
        }
        Ok(content.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_file_describes_the_options() {
        let file: serde_json::Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let options = schemars::schema_for!(NoneConfig).to_value();
        assert_eq!(file, options, "src/schema.json should be:\n{options:#}");
    }

    #[test]
    fn a_stream_is_the_input_and_its_checksum() {
        let stream = Identity.compress(b"123456789").unwrap();
        // The check value that is published with the polynomial.
        assert_eq!(stream, [&b"123456789"[..], &0xcbf4_3926_u32.to_le_bytes()].concat());
    }
}
