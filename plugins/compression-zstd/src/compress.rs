//! Compression, on its own and as a continuation of a prefix.

use persist_plugin_api::{Error, ErrorCode, Result};
use zstd_safe::{CCtx, CParameter, FrameFormat, compress_bound, get_error_name};

/// From how many bytes on, prefix and input together, matches are too far apart for a level's own search.
const LONG: usize = 1 << 20;

/// What windows may be, as powers of two.
const MIN_WINDOW_LOG: u32 = 10;
pub(crate) const MAX_WINDOW_LOG: u32 = 27;

/// What the user chose.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) level: i32,
    pub(crate) window_log: Option<u32>,
}

/// Compresses to one frame, with its length and checksum.
pub(crate) fn compress(options: Options, input: &[u8]) -> Result<Vec<u8>> {
    let mut context = context(options, input.len(), false)?;
    set(&mut context, CParameter::ChecksumFlag(true))?;
    finish(context, input)
}

/// Compresses to one frame that may refer to the prefix, without magic number and checksum.
pub(crate) fn compress_with_prefix(options: Options, prefix: &[u8], input: &[u8]) -> Result<Vec<u8>> {
    // Zstd does not refer to the part of a prefix that is, in memory, the input itself.
    let apart = overlap(prefix, input).then(|| input.to_vec());
    let input = apart.as_deref().unwrap_or(input);
    let total = prefix.len().saturating_add(input.len());
    let mut context = context(options, total, total >= LONG)?;
    set(&mut context, CParameter::Format(FrameFormat::Magicless))?;
    context.ref_prefix(prefix).map_err(|code| failed(input, code))?;
    finish(context, input)
}

/// A context for content that looks back at most `total` bytes.
fn context<'a>(options: Options, total: usize, long: bool) -> Result<CCtx<'a>> {
    let mut context = CCtx::try_create()
        .ok_or_else(|| Error::new(ErrorCode::NO_SPACE, "there is no memory to compress with zstd"))?;
    set(&mut context, CParameter::CompressionLevel(options.level))?;
    if long || options.window_log.is_some() {
        set(&mut context, CParameter::EnableLongDistanceMatching(true))?;
        let enough = total.checked_next_power_of_two().map_or(MAX_WINDOW_LOG, usize::ilog2);
        let window_log = options.window_log.unwrap_or(enough).clamp(MIN_WINDOW_LOG, MAX_WINDOW_LOG);
        set(&mut context, CParameter::WindowLog(window_log))?;
    }
    Ok(context)
}

fn overlap(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (one.as_ptr_range(), other.as_ptr_range());
    one.start < other.end && other.start < one.end
}

fn finish(mut context: CCtx<'_>, input: &[u8]) -> Result<Vec<u8>> {
    let mut output = Vec::with_capacity(compress_bound(input.len()));
    context.compress2(&mut output, input).map_err(|code| failed(input, code))?;
    output.shrink_to_fit();
    Ok(output)
}

fn set(context: &mut CCtx<'_>, parameter: CParameter) -> Result<()> {
    context.set_parameter(parameter).map(drop).map_err(|code| {
        let message = format!("zstd refuses the parameter {parameter:?}: {}", get_error_name(code));
        Error::new(ErrorCode::OTHER, message)
    })
}

fn failed(input: &[u8], code: usize) -> Error {
    let message = format!("cannot compress {} bytes with zstd: {}", input.len(), get_error_name(code));
    Error::new(ErrorCode::OTHER, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decompress::decompress_with_prefix;

    const USUAL: Options = Options { level: 3, window_log: None };

    /// Bytes without a pattern.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(length)
        .collect()
    }

    #[test]
    fn the_whole_of_a_long_prefix_is_looked_at() {
        let prefix = noise(15 << 20);
        let input = &prefix[..1 << 20];
        for level in [-7, 1, 3, 9] {
            let stream = compress_with_prefix(Options { level, window_log: None }, &prefix, input).unwrap();
            assert!(stream.len() < 10_000, "level {level}: {}", stream.len());
            let output = decompress_with_prefix(&prefix, &stream, input.len() as u64).unwrap();
            assert!(output == input, "level {level}");
        }
    }

    #[test]
    fn a_window_finds_what_is_far_apart_and_nothing_beyond_it() {
        let part = noise(1 << 20);
        let input = [&part[..], &vec![0; 10 << 20], &part].concat();
        let length = |window_log| compress(Options { level: 3, window_log }, &input).unwrap().len();
        assert!(length(Some(24)) < part.len() + 20_000);
        assert!(length(Some(20)) > 2 * part.len());
        assert!(length(None) > 2 * part.len());
    }

    #[test]
    fn small_streams_carry_little_besides_their_content() {
        let whole = compress(USUAL, b"x").unwrap();
        assert_eq!(whole[..4], [0x28, 0xb5, 0x2f, 0xfd], "the magic number");
        assert_eq!(whole.len(), 4 + 2 + 3 + 1 + 4, "magic, header, block, content, checksum");
        assert_eq!(compress_with_prefix(USUAL, b"prefix", b"x").unwrap().len(), 2 + 3 + 1);
    }
}
