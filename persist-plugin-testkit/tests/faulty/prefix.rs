//! A compression adapter that takes prefixes, with a fault of choice.
//!
//! A stream with a prefix is the number of bytes that were left out because the prefix ends with them, a checksum of
//! the input, eight bytes each, and the stream without a prefix of what is left. Either all or nothing is left out.

use std::sync::{Mutex, PoisonError};

use persist_plugin_api::{Bytes, DynCompression, Error, ErrorCode, Result};

use super::compression::{CompressionFault, FaultyCompression};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefixFault {
    None,
    /// Writes streams that do not depend on the prefix.
    WritesWithoutPrefix,
    /// Looks for the input's bytes at the beginning of the prefix, though they were found at its end.
    ReadsTheBeginning,
    RefusesEmptyPrefixes,
    IgnoresBound,
    IgnoresTail,
    CutsShort,
    /// Calls damage and other prefixes anything but corrupt.
    BlamesOthers,
    /// Damage makes the output longer than the bound.
    UnfoldsDamage,
    /// Goes on using a prefix that an earlier call was passed.
    KeepsPrefix,
}

pub(crate) struct FaultyPrefix {
    fault: PrefixFault,
    kept: Mutex<Bytes>,
}

impl FaultyPrefix {
    pub(crate) fn new(fault: PrefixFault) -> Self {
        Self { fault, kept: Mutex::default() }
    }

    /// The adapter for streams without a prefix, whose faults the parts of streams with one share.
    fn plain(&self) -> FaultyCompression {
        FaultyCompression::new(match self.fault {
            PrefixFault::IgnoresBound => CompressionFault::IgnoresBound,
            PrefixFault::IgnoresTail => CompressionFault::IgnoresTail,
            PrefixFault::CutsShort => CompressionFault::CutsShort,
            _ => CompressionFault::None,
        })
    }
}

impl DynCompression for FaultyPrefix {
    fn supports_prefix(&self) -> bool {
        true
    }

    fn compress(&self, input: Bytes) -> Result<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.fault == PrefixFault::KeepsPrefix && !kept.is_empty() {
            return self.compress_with_prefix(kept, input);
        }
        FaultyCompression::new(CompressionFault::None).compress(input)
    }

    fn decompress(&self, input: Bytes, max_output: u64) -> Result<Bytes> {
        FaultyCompression::new(CompressionFault::None).decompress(input, max_output)
    }

    fn compress_with_prefix(&self, prefix: Bytes, input: Bytes) -> Result<Bytes> {
        if self.fault == PrefixFault::RefusesEmptyPrefixes && prefix.is_empty() {
            return Err(Error::new(ErrorCode::OTHER, "no prefix"));
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = prefix.clone();
        let shared = match self.fault {
            PrefixFault::WritesWithoutPrefix => 0,
            _ if prefix.ends_with(&input) => input.len(),
            _ => 0,
        };
        let rest = self.plain().compress(input.slice(shared..))?;
        let sum = sum(&input);
        Ok([&(shared as u64).to_le_bytes()[..], &sum.to_le_bytes(), &rest].concat().into())
    }

    fn decompress_with_prefix(&self, prefix: Bytes, input: Bytes, max_output: u64) -> Result<Bytes> {
        let corrupt = |message: &str| match self.fault {
            PrefixFault::BlamesOthers => Err(Error::new(ErrorCode::OTHER, message)),
            PrefixFault::UnfoldsDamage => Ok(Bytes::from(vec![0; max_output as usize + 1])),
            _ => Err(Error::new(ErrorCode::CORRUPT, message)),
        };
        let (Some((shared, tail)), true) = (input.split_first_chunk(), input.len() >= 16) else {
            return Err(Error::new(ErrorCode::CORRUPT, "cut off"));
        };
        let shared = u64::from_le_bytes(*shared);
        if shared > prefix.len() as u64 {
            return corrupt("the prefix is too short");
        }
        if shared > max_output && self.fault != PrefixFault::IgnoresBound {
            return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, "too long"));
        }
        let shared = shared as usize;
        let rest = self.plain().decompress(input.slice(16..), max_output.saturating_sub(shared as u64))?;
        let from = match self.fault {
            PrefixFault::ReadsTheBeginning => 0,
            _ => prefix.len() - shared,
        };
        let output = Bytes::from([&prefix[from..from + shared], &rest].concat());
        if tail[..8] != sum(&output).to_le_bytes() && self.fault != PrefixFault::CutsShort {
            return corrupt("damaged, or another prefix");
        }
        Ok(output)
    }
}

fn sum(data: &[u8]) -> u64 {
    data.iter().fold(7, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
