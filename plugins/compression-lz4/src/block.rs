//! Single LZ4 blocks with a dictionary: streams that continue a prefix.

use lz4_flex::block::{compress_into_with_dict, decompress_into_with_dict, get_maximum_output_size};
use persist_plugin_api::{Error, ErrorCode, Result};

use crate::frame::{MAX_RATIO, reserve};

/// The bytes of a stream before its block: the length of the content.
const LENGTH: usize = 4;

/// Compresses `input` as a continuation of `prefix`, of which the last 64 KiB count.
pub(crate) fn compress(prefix: &[u8], input: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(input.len()).map_err(|error| {
        let message =
            format!("cannot compress {} bytes to one lz4 block: it holds at most 4 GiB", input.len());
        Error::new(ErrorCode::LIMIT_EXCEEDED, message).with_source(error)
    })?;
    let mut output = length.to_le_bytes().to_vec();
    output.resize(LENGTH + get_maximum_output_size(input.len()), 0);
    let block = output.get_mut(LENGTH..).unwrap_or_default();
    let written = compress_into_with_dict(input, block, prefix).map_err(|error| {
        let message = format!("cannot compress {} bytes with lz4", input.len());
        Error::new(ErrorCode::OTHER, message).with_source(error)
    })?;
    output.truncate(LENGTH + written);
    output.shrink_to_fit();
    Ok(output)
}

/// Reverses [`compress`] to at most `max_output` bytes.
pub(crate) fn decompress(prefix: &[u8], input: &[u8], max_output: u64) -> Result<Vec<u8>> {
    let corrupt = |problem: &str| {
        let message = format!("the lz4 block of {} bytes {problem}", input.len());
        Error::new(ErrorCode::CORRUPT, message)
    };
    let Some((length, block)) = input.split_first_chunk() else { return Err(corrupt("is cut off")) };
    let length = u64::from(u32::from_le_bytes(*length));
    if length > max_output {
        let message =
            format!("the lz4 block of {} bytes unfolds to {length}, more than {max_output}", input.len());
        return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, message));
    }
    if length > (block.len() as u64).saturating_mul(MAX_RATIO) {
        return Err(corrupt("is cut off, or claims a wrong length"));
    }
    if !is_whole(block) {
        return Err(corrupt("is cut off, or followed by other bytes"));
    }
    let mut output = Vec::new();
    reserve(&mut output, length)?;
    output.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
    let written = decompress_into_with_dict(block, &mut output, prefix)
        .map_err(|error| corrupt("is damaged, or continues another prefix").with_source(error))?;
    if written != output.len() {
        return Err(corrupt("holds less than it claims"));
    }
    Ok(output)
}

/// Whether a block ends with literals, as every block does: the decoder also takes one that is followed by a token
/// without any.
fn is_whole(block: &[u8]) -> bool {
    let mut rest = block;
    while let Some((token, after)) = rest.split_first() {
        let Some((literals, after)) = run(token >> 4, after) else { return false };
        let Some(after) = after.get(literals..) else { return false };
        if after.is_empty() {
            return literals > 0 || block == [0];
        }
        let Some(after) = after.get(2..) else { return false };
        let Some((_, after)) = run(token & 15, after) else { return false };
        rest = after;
    }
    false
}

/// The length that starts with these four bits of a token, and what follows the bytes that continue it.
fn run(nibble: u8, mut rest: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = usize::from(nibble);
    if nibble == 15 {
        loop {
            let (&byte, after) = rest.split_first()?;
            length = length.checked_add(usize::from(byte))?;
            rest = after;
            if byte != 255 {
                break;
            }
        }
    }
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text that repeats little of itself.
    fn words(from: u32, count: u32) -> Vec<u8> {
        (from..from + count)
            .flat_map(|number| format!("{:x} ", number.wrapping_mul(0x9e37_79b9)).into_bytes())
            .collect()
    }

    #[test]
    fn only_the_last_64_kib_of_a_prefix_count() {
        let (prefix, input) = (words(0, 20_000), words(19_000, 2_000));
        let tail = &prefix[prefix.len() - (64 << 10)..];
        let stream = compress(&prefix, &input).unwrap();
        assert!(stream.len() < input.len() * 3 / 4, "{} of {}", stream.len(), input.len());
        assert_eq!(compress(tail, &input).unwrap(), stream);
        assert_eq!(decompress(tail, &stream, input.len() as u64).unwrap(), input);
    }

    #[test]
    fn each_fault_of_a_stream_is_named() {
        let (prefix, input) = (words(0, 100), words(50, 100));
        let stream = compress(&prefix, &input).unwrap();
        let fault = |stream: &[u8], bound: u64| {
            let error = decompress(&prefix, stream, bound).unwrap_err();
            (error.code(), error.message().to_owned())
        };
        for (stream, problem) in [
            (b"abc".to_vec(), "is cut off"),
            (stream[..stream.len() - 1].to_vec(), "is cut off"),
            ([&stream[..], b"\0"].concat(), "followed by other bytes"),
            ([&[0xff, 0xff, 0xff, 0], &stream[4..]].concat(), "claims a wrong length"),
            ([&[0xff, 2, 0, 0], &stream[4..]].concat(), "is damaged"),
        ] {
            let (code, message) = fault(&stream, u64::MAX);
            assert_eq!(code, ErrorCode::CORRUPT, "{message}");
            assert!(message.contains(problem), "{message}, expected {problem}");
        }
        assert_eq!(fault(&stream, input.len() as u64 - 1).0, ErrorCode::LIMIT_EXCEEDED);
    }

    #[test]
    fn an_empty_input_is_one_token() {
        let stream = compress(b"prefix", b"").unwrap();
        assert_eq!(stream, [0; 5]);
        assert_eq!(decompress(b"prefix", &stream, 0).unwrap(), b"");
    }
}
