//! LZ4 frames: streams that stand alone.

use std::io::{Read as _, Write as _};

use lz4_flex::frame::{BlockMode, FrameDecoder, FrameEncoder, FrameInfo};
use persist_plugin_api::{Error, ErrorCode, Result};
use twox_hash::XxHash32;

/// LZ4's best: 255 bytes of output for one of input.
pub(crate) const MAX_RATIO: u64 = 255;

/// The flag of a frame whose header holds the length of its content.
const HAS_LENGTH: u8 = 1 << 3;

/// What the output grows by at least.
const MIN_STEP: u64 = 64 << 10;

/// Compresses to one frame with a checksum of its content.
pub(crate) fn compress(input: &[u8]) -> Result<Vec<u8>> {
    let info = FrameInfo::new()
        .block_mode(BlockMode::Linked)
        .content_size(Some(input.len() as u64))
        .content_checksum(true);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::with_capacity(input.len() / 2 + 64));
    encoder.write_all(input).and_then(|()| Ok(encoder.finish()?)).map_err(|error| {
        let message = format!("cannot compress {} bytes with lz4", input.len());
        Error::new(ErrorCode::OTHER, message).with_source(error)
    })
}

/// Decompresses one frame that ends with a checksum of its content to at most `max_output` bytes.
pub(crate) fn decompress(input: &[u8], max_output: u64) -> Result<Vec<u8>> {
    let corrupt = |problem: &str| {
        let message = format!("the lz4 stream of {} bytes {problem}", input.len());
        Error::new(ErrorCode::CORRUPT, message)
    };
    let mut rest = input;
    let mut decoder = FrameDecoder::new(&mut rest);
    let mut output = Vec::new();
    let mut step = expected_length(input);
    loop {
        let length = output.len() as u64;
        reserve(&mut output, step.min(max_output - length))?;
        let room = (output.capacity() as u64).min(max_output) - length;
        // A byte more than there is room for tells a stream that fills the bound from one that goes beyond it.
        let mut next = [0];
        let read = (&mut decoder)
            .take(room)
            .read_to_end(&mut output)
            .map_err(|error| corrupt("is damaged, or no lz4 frame").with_source(error))?
            as u64;
        if read < room
            || decoder.read(&mut next).map_err(|error| corrupt("is damaged").with_source(error))? == 0
        {
            break;
        }
        let length = output.len() as u64;
        if length == max_output {
            let message =
                format!("the lz4 stream of {} bytes unfolds to more than {max_output}", input.len());
            return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, message));
        }
        step = length.max(MIN_STEP);
        reserve(&mut output, step.min(max_output - length))?;
        output.push(next[0]);
    }
    // The decoder takes an input that ends between two blocks for a whole one, and checks no checksum then.
    let end = [[0; 4], XxHash32::oneshot(0, &output).to_le_bytes()].concat();
    if !rest.is_empty() || !input.ends_with(&end) {
        return Err(corrupt("is damaged, cut off, followed by other bytes, or has no checksum"));
    }
    Ok(output)
}

/// How long the output will be if the frame's header says so and can be trusted; never more than the input could hold.
fn expected_length(input: &[u8]) -> u64 {
    let claimed = match input.get(4..).and_then(<[u8]>::split_first_chunk) {
        Some(([flags, _], rest)) if flags & HAS_LENGTH != 0 => {
            rest.first_chunk().map(|length| u64::from_le_bytes(*length))
        }
        _ => None,
    };
    claimed.map_or(MIN_STEP, |claimed| claimed.min((input.len() as u64).saturating_mul(MAX_RATIO)))
}

/// Makes room for `additional` bytes, no more.
pub(crate) fn reserve(output: &mut Vec<u8>, additional: u64) -> Result<()> {
    let additional = usize::try_from(additional).unwrap_or(usize::MAX);
    output.try_reserve_exact(additional).map_err(|error| {
        let message = format!("cannot allocate {additional} bytes to decompress into");
        Error::new(ErrorCode::NO_SPACE, message).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_frame_behind_the_first_is_refused() {
        let stream = compress(b"state").unwrap();
        let error = decompress(&[&stream[..], &stream].concat(), 100).unwrap_err();
        assert_eq!(error.code(), ErrorCode::CORRUPT);
    }

    #[test]
    fn an_end_between_two_blocks_is_noticed() {
        let noise: Vec<u8> =
            (0..200_000_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
        let info = FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB).content_checksum(true);
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(&noise).unwrap();
        let stream = encoder.finish().unwrap();
        let first = u32::from_le_bytes(stream[7..11].try_into().unwrap()) & 0x7fff_ffff;
        let cut = &stream[..11 + first as usize];
        assert_eq!(decompress(cut, 1 << 20).unwrap_err().code(), ErrorCode::CORRUPT);
        // Nor may the end mark and the checksum be left out.
        let without_end = &stream[..stream.len() - 8];
        assert_eq!(decompress(without_end, 1 << 20).unwrap_err().code(), ErrorCode::CORRUPT);
        assert_eq!(decompress(&stream, 1 << 20).unwrap(), noise);
    }

    #[test]
    fn memory_stays_within_the_bound() {
        let stream = compress(&vec![0; 1 << 20]).unwrap();
        assert_eq!(decompress(&stream, u64::MAX).unwrap().capacity(), 1 << 20, "reserved at once");
        assert!(decompress(&stream, (1 << 20) + 1).unwrap().capacity() <= 1 << 20);
        // The header claims 2^60 bytes, of which the input can hold a tiny part.
        let mut lying = compress(b"short").unwrap();
        lying[6..14].copy_from_slice(&(1_u64 << 60).to_le_bytes());
        assert_eq!(expected_length(&lying), lying.len() as u64 * MAX_RATIO);
        assert_eq!(decompress(&lying, u64::MAX).unwrap_err().code(), ErrorCode::CORRUPT);
    }
}
