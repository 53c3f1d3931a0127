//! A compression adapter that compresses nothing, with a fault of choice.
//!
//! A stream is the length and a checksum of the bytes, eight bytes each, and the bytes.

use persist_plugin_api::{Bytes, DynCompression, Error, ErrorCode, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompressionFault {
    None,
    IgnoresBound,
    IgnoresTail,
    IgnoresChecksum,
    CutsShort,
    ClaimsPrefix,
}

pub(crate) struct FaultyCompression(pub(crate) CompressionFault);

impl DynCompression for FaultyCompression {
    fn supports_prefix(&self) -> bool {
        self.0 == CompressionFault::ClaimsPrefix
    }

    fn compress(&self, input: Bytes) -> Result<Bytes> {
        let length = input.len() as u64;
        Ok([&length.to_le_bytes()[..], &checksum(&input).to_le_bytes(), &input].concat().into())
    }

    fn decompress(&self, input: Bytes, max_output: u64) -> Result<Bytes> {
        let (Some(length), Some(sum)) = (number(&input, 0), number(&input, 8)) else { return Err(corrupt()) };
        let output = input.slice(16..);
        let found = output.len() as u64;
        if length > found && self.0 == CompressionFault::CutsShort {
            return Ok(output);
        }
        if length > found || length < found && self.0 != CompressionFault::IgnoresTail {
            return Err(corrupt());
        }
        let output = output.slice(..length as usize);
        if checksum(&output) != sum && self.0 != CompressionFault::IgnoresChecksum {
            return Err(corrupt());
        }
        if length > max_output && self.0 != CompressionFault::IgnoresBound {
            return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, "too long"));
        }
        Ok(output)
    }

    fn compress_with_prefix(&self, _: Bytes, _: Bytes) -> Result<Bytes> {
        Err(Error::new(ErrorCode::UNSUPPORTED, "no prefixes"))
    }

    fn decompress_with_prefix(&self, _: Bytes, _: Bytes, _: u64) -> Result<Bytes> {
        Err(Error::new(ErrorCode::UNSUPPORTED, "no prefixes"))
    }
}

fn number(input: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*input.get(at..)?.first_chunk()?))
}

fn checksum(data: &[u8]) -> u64 {
    data.iter().fold(1, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

fn corrupt() -> Error {
    Error::new(ErrorCode::CORRUPT, "not a stream")
}
