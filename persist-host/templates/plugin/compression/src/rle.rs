//! PackBits behind a header with the output's length and checksum.

use persist_plugin_api::{Error, ErrorCode, Result};

const MAGIC: &[u8; 4] = b"RLE1";

/// The most bytes that one control byte stands for.
const MAX_RUN: usize = 128;

/// Compresses; runs of at least `min_run` equal bytes become two bytes.
pub(crate) fn compress(input: &[u8], min_run: usize) -> Vec<u8> {
    let mut output = Vec::with_capacity(input.len() / 2 + 32);
    output.extend_from_slice(MAGIC);
    output.extend_from_slice(&(input.len() as u64).to_le_bytes());
    output.extend_from_slice(&checksum(input).to_le_bytes());
    let mut rest = input;
    while let Some(&byte) = rest.first() {
        let run = rest.iter().take(MAX_RUN).take_while(|other| **other == byte).count();
        if run >= min_run {
            output.extend_from_slice(&[(257 - run) as u8, byte]);
            rest = &rest[run..];
            continue;
        }
        let literal = literal_length(rest, min_run);
        output.push((literal - 1) as u8);
        output.extend_from_slice(&rest[..literal]);
        rest = &rest[literal..];
    }
    output
}

/// Decompresses a stream that is whole and undamaged to at most `max_output` bytes.
pub(crate) fn decompress(input: &[u8], max_output: u64) -> Result<Vec<u8>> {
    let rest = input.strip_prefix(MAGIC).ok_or_else(|| corrupt("it does not begin with RLE1"))?;
    let (length, rest) = number(rest)?;
    let (expected, mut rest) = number(rest)?;
    // The length may be a lie: believe no more than the bytes that follow can hold, before any memory is taken.
    if length > (rest.len() as u64).saturating_mul(MAX_RUN as u64) {
        return Err(corrupt("it is cut off"));
    }
    if length > max_output {
        let message = format!("the output of {length} bytes is longer than the bound of {max_output}");
        return Err(Error::new(ErrorCode::LIMIT_EXCEEDED, message));
    }
    let length = usize::try_from(length).map_err(|_| corrupt("its length is beyond this machine"))?;
    let mut output = Vec::with_capacity(length);
    while output.len() < length {
        let (&control, after) = rest.split_first().ok_or_else(|| corrupt("it is cut off"))?;
        rest = after;
        let count = match control {
            0..=127 => {
                let count = usize::from(control) + 1;
                let (literal, after) =
                    rest.split_at_checked(count).ok_or_else(|| corrupt("it is cut off"))?;
                output.extend_from_slice(literal);
                rest = after;
                count
            }
            128 => return Err(corrupt("it has a control byte without a meaning")),
            129.. => {
                let (&byte, after) = rest.split_first().ok_or_else(|| corrupt("it is cut off"))?;
                let count = 257 - usize::from(control);
                output.resize(output.len() + count, byte);
                rest = after;
                count
            }
        };
        if output.len() > length {
            return Err(corrupt(&format!("its last {count} bytes pass its length")));
        }
    }
    if !rest.is_empty() {
        return Err(corrupt("other bytes follow it"));
    }
    if checksum(&output) != expected {
        return Err(corrupt("its checksum differs"));
    }
    Ok(output)
}

/// How many bytes come before the next run that is worth its two bytes.
fn literal_length(rest: &[u8], min_run: usize) -> usize {
    let window = &rest[..rest.len().min(MAX_RUN)];
    let mut run = 1;
    for at in 1..window.len() {
        run = if window[at] == window[at - 1] { run + 1 } else { 1 };
        if run >= min_run {
            return at + 1 - run;
        }
    }
    window.len()
}

fn number(input: &[u8]) -> Result<(u64, &[u8])> {
    let (bytes, rest) = input.split_first_chunk().ok_or_else(|| corrupt("it is cut off"))?;
    Ok((u64::from_le_bytes(*bytes), rest))
}

fn checksum(data: &[u8]) -> u64 {
    data.iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorCode::CORRUPT, format!("cannot decompress the stream: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_shortened_and_everything_comes_back() {
        let mut input = vec![b'a'; 1000];
        input.extend_from_slice(b"bcd");
        input.extend_from_slice(&[b'e'; 129]);
        for min_run in [2, 3, 128] {
            let stream = compress(&input, min_run);
            assert!(stream.len() < input.len() / 2, "{min_run}: {} bytes", stream.len());
            assert_eq!(decompress(&stream, input.len() as u64).unwrap(), input);
        }
    }
}
