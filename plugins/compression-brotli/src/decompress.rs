//! Bounded decompression.

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use persist_plugin_api::{Error, ErrorCode, Result};

/// A ratio that few streams exceed.
const LIKELY_RATIO: u64 = 16;

/// What the output grows by at least.
const MIN_STEP: u64 = 64 << 10;

/// Decompresses a stream and its checksum to at most `max_output` bytes.
pub(crate) fn decompress(input: &[u8], max_output: u64) -> Result<Vec<u8>> {
    let length = input.len();
    let corrupt = |problem: &str| {
        let message = format!("the brotli stream of {length} bytes {problem}");
        Error::new(ErrorCode::CORRUPT, message)
    };
    let Some((stream, checksum)) = input.split_last_chunk() else { return Err(corrupt("is cut off")) };
    let mut state =
        BrotliState::new_strict(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
    let (mut left, mut read, mut total) = (stream.len(), 0, 0);
    let mut output = Vec::new();
    let mut step = (length as u64).saturating_mul(LIKELY_RATIO).max(MIN_STEP);
    loop {
        let start = output.len();
        let full = start as u64 == max_output;
        let room = reserve(&mut output, step.min(max_output - start as u64))?;
        output.resize(start + room, 0);
        // A byte outside tells a stream that fills the bound exactly from one that goes beyond it.
        let mut beyond = [0];
        let target = if full { &mut beyond[..] } else { output.get_mut(start..).unwrap_or_default() };
        let (mut space, mut written) = (target.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            stream,
            &mut space,
            &mut written,
            target,
            &mut total,
            &mut state,
        );
        if full && written > 0 {
            let message = format!("the brotli stream of {length} bytes unfolds to more than {max_output}");
            return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, message));
        }
        output.truncate(start + written);
        match result {
            BrotliResult::NeedsMoreOutput => step = (output.len() as u64).max(MIN_STEP),
            BrotliResult::NeedsMoreInput => return Err(corrupt("is cut off")),
            BrotliResult::ResultFailure => return Err(corrupt("is damaged, or no brotli stream")),
            BrotliResult::ResultSuccess if left > 0 => return Err(corrupt("is followed by other bytes")),
            BrotliResult::ResultSuccess if crc32fast::hash(&output).to_le_bytes() != *checksum => {
                return Err(corrupt("is damaged: its checksum is wrong"));
            }
            BrotliResult::ResultSuccess => return Ok(output),
        }
    }
}

/// Makes room for `additional` bytes, no more, and returns their number.
fn reserve(output: &mut Vec<u8>, additional: u64) -> Result<usize> {
    let additional = usize::try_from(additional).unwrap_or(usize::MAX);
    output.try_reserve_exact(additional).map(|()| additional).map_err(|error| {
        let message = format!("cannot allocate {additional} bytes to decompress into");
        Error::new(ErrorCode::NO_SPACE, message).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use persist_plugin_api::CompressionAdapter as _;

    use super::*;
    use crate::{Brotli, BrotliConfig};

    fn stream(input: &[u8]) -> Vec<u8> {
        Brotli::open(BrotliConfig::new()).unwrap().compress(input).unwrap()
    }

    #[test]
    fn memory_stays_within_the_bound_and_follows_the_stream() {
        let stream = stream(&vec![0; 1 << 20]);
        assert_eq!(decompress(&stream, 1 << 20).unwrap().capacity(), 1 << 20);
        assert!(decompress(&stream, u64::MAX).unwrap().capacity() <= 4 << 20);
        for bound in [0, 1, (1 << 20) - 1] {
            let error = decompress(&stream, bound).unwrap_err();
            assert_eq!(error.code(), ErrorCode::LIMIT_EXCEEDED, "{bound}");
        }
    }

    #[test]
    fn each_fault_of_a_stream_is_named() {
        let stream = stream(b"some words and some more words");
        let fault = |stream: &[u8]| {
            let error = decompress(stream, 100).unwrap_err();
            assert_eq!(error.code(), ErrorCode::CORRUPT);
            error.message().to_owned()
        };
        assert!(fault(b"abc").contains("cut off"));
        let body = &stream[..stream.len() - 4];
        assert!(fault(&body[..body.len() - 1]).contains("cut off"));
        assert!(fault(&[&stream[..], b"xy"].concat()).contains("followed by other bytes"));
        assert!(fault(&[body, &[0; 4]].concat()).contains("checksum is wrong"));
        // Window bits that only the extension for large windows knows.
        assert!(fault(&[0x11, 0xff, 0, 0, 0, 0, 0, 0, 0]).contains("damaged"));
    }
}
