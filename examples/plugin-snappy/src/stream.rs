//! A header with a checksum, and a raw Snappy block.

use persist_plugin_api::{Error, ErrorCode, Result};
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

const MAGIC: &[u8; 4] = b"PSN1";
const HEADER: usize = 8;

/// The most bytes that a byte of a block can unfold to: three bytes of a copy make 64.
const MAX_EXPANSION: u64 = 22;

/// Compresses at most 4 GiB, which is what one block holds.
pub(crate) fn compress(input: &[u8]) -> Result<Vec<u8>> {
    // It is 0 for what is too long, and the encoder then says so.
    let mut output = vec![0; HEADER + max_compress_len(input.len())];
    let (header, block) = output.split_at_mut(HEADER);
    let length = Encoder::new().compress(input, block).map_err(|error| {
        let message = format!("cannot compress {} bytes with Snappy", input.len());
        Error::new(ErrorCode::INVALID_ARGUMENT, message).with_source(error)
    })?;
    let (magic, sum) = header.split_at_mut(MAGIC.len());
    magic.copy_from_slice(MAGIC);
    sum.copy_from_slice(&crc32fast::hash(input).to_le_bytes());
    output.truncate(HEADER + length);
    Ok(output)
}

/// Decompresses a stream that is whole and undamaged to at most `max_output` bytes.
pub(crate) fn decompress(input: &[u8], max_output: u64) -> Result<Vec<u8>> {
    let rest = input.strip_prefix(MAGIC).ok_or_else(|| corrupt("it does not begin with PSN1"))?;
    let (sum, block) = rest.split_first_chunk().ok_or_else(|| corrupt("it is cut off"))?;
    let damaged = |error: snap::Error| corrupt("its block is damaged or cut off").with_source(error);
    let length = decompress_len(block).map_err(damaged)?;
    // The length may be a lie: believe no more than the block can hold, before any memory is taken.
    if length as u64 > (block.len() as u64).saturating_mul(MAX_EXPANSION) {
        return Err(corrupt("its length is more than its block can hold"));
    }
    if length as u64 > max_output {
        let message = format!("the output of {length} bytes is longer than the bound of {max_output}");
        return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, message));
    }
    let output = Decoder::new().decompress_vec(block).map_err(damaged)?;
    if crc32fast::hash(&output) != u32::from_le_bytes(*sum) {
        return Err(corrupt("its checksum differs"));
    }
    Ok(output)
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorCode::CORRUPT, format!("cannot decompress the Snappy stream: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_plain_snappy() {
        let input = b"the same words, the same words, the same words".repeat(100);
        let stream = compress(&input).unwrap();
        assert!(stream.len() < input.len() / 10);
        assert_eq!(Decoder::new().decompress_vec(&stream[HEADER..]).unwrap(), input);
    }

    #[test]
    fn a_length_that_is_a_lie_takes_no_memory() {
        // A block that claims 4 GiB and has nothing.
        let lie = [&MAGIC[..], &[0; 4], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
        assert_eq!(decompress(&lie, u64::MAX).unwrap_err().code(), ErrorCode::CORRUPT);
    }
}
