//! A compression adapter that compresses nothing, with a fault of choice.
//!
//! A stream is the length and a checksum of the bytes, eight bytes each, and the bytes.

use std::sync::Mutex;

use persist_plugin_api::{Bytes, DynCompression, Error, ErrorCode, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompressionFault {
    None,
    IgnoresBound,
    IgnoresTail,
    IgnoresChecksum,
    CutsShort,
    ClaimsPrefix,
    PanicsOnShortStreams,
    /// Compresses what lies in a buffer that all callers share.
    SharesBuffer,
}

pub(crate) struct FaultyCompression(pub(crate) CompressionFault, pub(crate) Mutex<Bytes>);

impl FaultyCompression {
    pub(crate) fn new(fault: CompressionFault) -> Self {
        Self(fault, Mutex::default())
    }
}

impl DynCompression for FaultyCompression {
    fn supports_prefix(&self) -> bool {
        self.0 == CompressionFault::ClaimsPrefix
    }

    fn compress(&self, input: Bytes) -> Result<Bytes> {
        let input = match self.0 {
            CompressionFault::SharesBuffer => self.through_the_buffer(input),
            _ => input,
        };
        let length = input.len() as u64;
        Ok([&length.to_le_bytes()[..], &checksum(&input).to_le_bytes(), &input].concat().into())
    }

    fn decompress(&self, input: Bytes, max_output: u64) -> Result<Bytes> {
        if self.0 == CompressionFault::PanicsOnShortStreams {
            assert!(input.is_empty() || input.len() >= 8, "a header of {} bytes", input.len());
        }
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

impl FaultyCompression {
    #[expect(clippy::unwrap_used, reason = "a part of the tests")]
    fn through_the_buffer(&self, input: Bytes) -> Bytes {
        *self.1.lock().unwrap() = input;
        std::thread::sleep(std::time::Duration::from_millis(1));
        self.1.lock().unwrap().clone()
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
