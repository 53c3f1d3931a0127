//! Raw deflate (RFC 1951) with a preset dictionary: streams that continue a prefix.

use flate2::{Decompress, FlushCompress, FlushDecompress, Status};
use persist_plugin_api::{Error, ErrorCode, Result};

use crate::decompress::{MAX_RATIO, MIN_STEP, reserve};
use crate::encoders::Encoders;

/// How far deflate looks back, in bytes.
const WINDOW: usize = 32 << 10;

/// Compresses `input` as a continuation of `prefix`, of which the last 32 KiB count.
pub(crate) fn compress_with_prefix(encoders: &Encoders, prefix: &[u8], input: &[u8]) -> Result<Vec<u8>> {
    let failed = |error: flate2::CompressError| {
        let message = format!("cannot compress {} bytes with deflate", input.len());
        Error::new(ErrorCode::OTHER, message).with_source(error)
    };
    let mut encoder = encoders.take();
    let dictionary = dictionary(prefix);
    if !dictionary.is_empty() {
        encoder.set_dictionary(dictionary).map_err(failed)?;
    }
    let mut output = Vec::with_capacity(input.len() / 4 + 64);
    loop {
        let rest = rest(input, encoder.total_in());
        match encoder.compress_vec(rest, &mut output, FlushCompress::Finish).map_err(failed)? {
            Status::StreamEnd => break,
            // All that an encoder with all of its input can want is room.
            Status::Ok | Status::BufError => output.reserve(output.len().max(64)),
        }
    }
    encoders.give_back(encoder);
    Ok(output)
}

/// Reverses [`compress_with_prefix`] to at most `max_output` bytes.
pub(crate) fn decompress_with_prefix(prefix: &[u8], input: &[u8], max_output: u64) -> Result<Vec<u8>> {
    let damaged = |error: flate2::DecompressError| {
        let message = format!(
            "the deflate stream of {} bytes is damaged or continues other bytes than the {} given",
            input.len(),
            prefix.len()
        );
        Error::new(ErrorCode::CORRUPT, message).with_source(error)
    };
    let mut decoder = Decompress::new(false);
    let dictionary = dictionary(prefix);
    if !dictionary.is_empty() {
        decoder.set_dictionary(dictionary).map_err(damaged)?;
    }
    let mut output = Vec::new();
    let length = input.len() as u64;
    let mut step = length.saturating_mul(4).max(MIN_STEP).min(length.saturating_mul(MAX_RATIO));
    loop {
        let start = output.len();
        let full = start as u64 == max_output;
        let room = reserve(&mut output, step.min(max_output - start as u64))?;
        output.resize(start + room, 0);
        // A byte outside tells a stream that fills the bound exactly from one that goes beyond it.
        let mut beyond = [0];
        let target = if full { &mut beyond[..] } else { output.get_mut(start..).unwrap_or_default() };
        let (read, written) = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress(rest(input, read), target, FlushDecompress::None).map_err(damaged)?;
        // What was written fits the target, whose length is a `usize`.
        let (read, written) = (decoder.total_in() - read, (decoder.total_out() - written) as usize);
        if full && written > 0 {
            let message = format!("the deflate stream of {length} bytes unfolds to more than {max_output}");
            return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, message));
        }
        output.truncate(start + written);
        if status == Status::StreamEnd {
            return ended(input, decoder.total_in(), output);
        }
        if read == 0 && written == 0 {
            let message = format!("the deflate stream of {length} bytes is cut off");
            return Err(Error::new(ErrorCode::CORRUPT, message));
        }
        step = (output.len() as u64).max(MIN_STEP);
    }
}

/// The output of a stream that has ended, if it ended where the input does.
fn ended(input: &[u8], read: u64, output: Vec<u8>) -> Result<Vec<u8>> {
    let left = rest(input, read).len();
    if left == 0 {
        return Ok(output);
    }
    let message = format!("{left} other bytes follow the deflate stream of {read}");
    Err(Error::new(ErrorCode::CORRUPT, message))
}

/// The part of a prefix that deflate can refer to.
fn dictionary(prefix: &[u8]) -> &[u8] {
    prefix.last_chunk::<WINDOW>().map_or(prefix, |window| window)
}

/// What the first `read` bytes leave of the input.
fn rest(input: &[u8], read: u64) -> &[u8] {
    usize::try_from(read).ok().and_then(|read| input.get(read..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use flate2::Compression;

    use super::*;

    fn level(level: u32) -> Encoders {
        Encoders::new(Compression::new(level))
    }

    /// Text that repeats little of itself.
    fn words(from: u32, count: u32) -> Vec<u8> {
        (from..from + count)
            .flat_map(|number| format!("{:x} ", number.wrapping_mul(0x9e37_79b9)).into_bytes())
            .collect()
    }

    #[test]
    fn every_level_is_read_and_all_but_the_stored_one_use_the_prefix() {
        let prefix = words(0, 10_000);
        let input = prefix[prefix.len() - 20_000..].to_vec();
        for number in 0..=9 {
            let stream = compress_with_prefix(&level(number), &prefix, &input).unwrap();
            assert_eq!(decompress_with_prefix(&prefix, &stream, input.len() as u64).unwrap(), input);
            assert_eq!(stream.len() < 500, number > 0, "level {number}: {}", stream.len());
        }
    }

    #[test]
    fn an_encoder_that_is_used_again_knows_nothing_of_the_streams_before() {
        for number in 0..=9 {
            let again = level(number);
            for (from, count) in [(0, 20_000), (500, 30), (19_000, 2_000), (0, 0), (500, 30)] {
                let (prefix, input) = (words(from, 5_000), words(from + 4_000, count));
                for prefix in [&prefix[..], b""] {
                    let first = compress_with_prefix(&level(number), prefix, &input).unwrap();
                    assert_eq!(compress_with_prefix(&again, prefix, &input).unwrap(), first, "{number}");
                }
            }
        }
    }

    #[test]
    fn only_the_last_32_kib_of_a_prefix_count() {
        let (prefix, input) = (words(0, 10_000), words(9_000, 2_000));
        let tail = &prefix[prefix.len() - WINDOW..];
        let stream = compress_with_prefix(&level(6), &prefix, &input).unwrap();
        assert_eq!(compress_with_prefix(&level(6), tail, &input).unwrap(), stream);
        assert_eq!(decompress_with_prefix(tail, &stream, input.len() as u64).unwrap(), input);
        let half = decompress_with_prefix(&tail[WINDOW / 2..], &stream, input.len() as u64);
        assert!(half.is_err_and(|error| error.code() == ErrorCode::CORRUPT), "all of the 32 KiB count");
    }

    #[test]
    fn without_a_prefix_the_stream_is_plain_deflate() {
        let input = words(0, 1000);
        let stream = compress_with_prefix(&level(6), b"", &input).unwrap();
        let mut output = Vec::new();
        let mut plain = flate2::bufread::DeflateDecoder::new(&stream[..]);
        std::io::Read::read_to_end(&mut plain, &mut output).unwrap();
        assert_eq!(output, input);
    }

    #[test]
    fn input_that_does_not_compress_gets_the_room_it_needs() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(1_000_000)
        .collect();
        for number in [0, 1, 9] {
            let stream = compress_with_prefix(&level(number), b"prefix", &noise).unwrap();
            assert!(stream.len() >= noise.len());
            assert_eq!(decompress_with_prefix(b"prefix", &stream, u64::MAX).unwrap(), noise);
        }
    }

    #[test]
    fn memory_stays_within_the_bound() {
        let stream = compress_with_prefix(&level(6), b"", &vec![0; 1 << 20]).unwrap();
        let output = decompress_with_prefix(b"", &stream, 1 << 20).unwrap();
        assert_eq!(output.capacity(), 1 << 20);
        for bound in [0, 1, (1 << 20) - 1] {
            let error = decompress_with_prefix(b"", &stream, bound).unwrap_err();
            assert_eq!(error.code(), ErrorCode::LIMIT_EXCEEDED, "{bound}");
        }
    }

    #[test]
    fn each_fault_of_a_stream_is_named() {
        let stream = compress_with_prefix(&level(6), b"prefix", b"a prefix and more").unwrap();
        let fault = |stream: &[u8]| {
            let error = decompress_with_prefix(b"prefix", stream, 100).unwrap_err();
            assert_eq!(error.code(), ErrorCode::CORRUPT);
            error.message().to_owned()
        };
        assert!(fault(b"").contains("cut off"));
        assert!(fault(&stream[..stream.len() - 1]).contains("cut off"));
        assert!(fault(&[&stream[..], b"xy"].concat()).contains("2 other bytes follow"));
        assert!(fault(&[0xff; 20]).contains("damaged"));
    }
}
