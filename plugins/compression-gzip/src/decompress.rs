//! Bounded decompression.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use persist_plugin_api::{Error, ErrorCode, Result};

/// Deflate's best: 258 bytes of output for 2 bits of input.
pub(crate) const MAX_RATIO: u64 = 1032;

/// What the output grows by at least.
pub(crate) const MIN_STEP: u64 = 64 << 10;

/// Decompresses a stream of one or several members to at most `max_output` bytes.
pub(crate) fn decompress(input: &[u8], max_output: u64) -> Result<Vec<u8>> {
    if input.is_empty() {
        return Err(Error::new(ErrorCode::CORRUPT, "the gzip stream is empty"));
    }
    let corrupt = |error: io::Error| {
        let message = format!(
            "the gzip stream of {} bytes is damaged, cut off, or followed by other bytes",
            input.len()
        );
        Error::new(ErrorCode::CORRUPT, message).with_source(error)
    };
    let mut decoder = MultiGzDecoder::new(input);
    let mut output = Vec::new();
    reserve(&mut output, expected_length(input, max_output))?;
    loop {
        // The vector never has to grow in `read_to_end`, which would double it.
        let room = (output.capacity() as u64).min(max_output) - output.len() as u64;
        let read = (&mut decoder).take(room).read_to_end(&mut output).map_err(corrupt)? as u64;
        if read < room {
            return Ok(output);
        }
        // One byte more tells the end, whose checksums are verified then, from output that has to be made room for.
        let mut next = [0];
        if decoder.read(&mut next).map_err(corrupt)? == 0 {
            return Ok(output);
        }
        let length = output.len() as u64;
        if length == max_output {
            let message =
                format!("the gzip stream of {} bytes unfolds to more than {max_output}", input.len());
            return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, message));
        }
        reserve(&mut output, length.max(MIN_STEP).min(max_output - length))?;
        output.push(next[0]);
    }
}

/// How long the output will be if the stream's last four bytes, which repeat the length of its last member, can be
/// trusted; never more than the input could hold or the caller allows.
fn expected_length(input: &[u8], max_output: u64) -> u64 {
    let claimed = input.last_chunk().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
    claimed.min((input.len() as u64).saturating_mul(MAX_RATIO)).min(max_output)
}

/// Makes room for `additional` bytes, no more, and returns their number.
pub(crate) fn reserve(output: &mut Vec<u8>, additional: u64) -> Result<usize> {
    let additional = usize::try_from(additional).unwrap_or(usize::MAX);
    output.try_reserve_exact(additional).map(|()| additional).map_err(|error| {
        let message = format!("cannot allocate {additional} bytes to decompress into");
        Error::new(ErrorCode::NO_SPACE, message).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn member(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn members_follow_one_another() {
        let large = vec![7; 300_000];
        let stream = [member(b"one, "), member(b""), member(&large), member(b"end")].concat();
        let expected = [&b"one, "[..], &large, b"end"].concat();
        assert_eq!(decompress(&stream, expected.len() as u64).unwrap(), expected);
        assert_eq!(decompress(&stream, u64::MAX).unwrap(), expected);
        let below = expected.len() as u64 - 1;
        assert_eq!(decompress(&stream, below).unwrap_err().code(), ErrorCode::LIMIT_EXCEEDED);
    }

    #[test]
    fn damage_in_a_later_member_is_noticed() {
        let mut stream = [member(b"one"), member(b"two")].concat();
        let checksum = stream.len() - 6;
        stream[checksum] ^= 1;
        assert_eq!(decompress(&stream, 6).unwrap_err().code(), ErrorCode::CORRUPT);
    }

    #[test]
    fn memory_stays_within_the_bound_and_follows_the_stream() {
        let stream = member(&vec![0; 1 << 20]);
        let output = decompress(&stream, 1 << 20).unwrap();
        assert_eq!(output.capacity(), 1 << 20, "reserved at once");
        // The last bytes claim 4 GiB, of which the input can hold a tiny part.
        let mut lying = member(b"short");
        let length = lying.len();
        lying[length - 4..].fill(0xff);
        assert!(expected_length(&lying, u64::MAX) <= length as u64 * MAX_RATIO);
        assert_eq!(expected_length(&lying, 10), 10);
        // A last member that says little grows the output in steps that stop at the bound.
        let stream = [member(&vec![0; 1 << 20]), member(b"")].concat();
        let bound = (1 << 20) + 1;
        let output = decompress(&stream, bound).unwrap();
        assert!(output.capacity() as u64 <= bound, "{}", output.capacity());
    }
}
