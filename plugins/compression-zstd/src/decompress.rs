//! Bounded decompression.

use persist_plugin_api::{Error, ErrorCode, Result};
use zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd_safe::{
    DCtx, DParameter, FrameFormat, InBuffer, OutBuffer, get_error_name, get_frame_content_size, is_error_kind,
};

use crate::compress::MAX_WINDOW_LOG;

/// Zstandard's best: a block of 128 KiB from 4 bytes.
const MAX_RATIO: u64 = 32 << 10;

/// A ratio that few streams exceed.
const LIKELY_RATIO: u64 = 64;

/// What the output grows by at least.
const MIN_STEP: u64 = 64 << 10;

/// Decompresses one frame to at most `max_output` bytes.
pub(crate) fn decompress(input: &[u8], max_output: u64) -> Result<Vec<u8>> {
    let claimed = get_frame_content_size(input).ok().flatten().unwrap_or(MIN_STEP);
    let expected = claimed.min((input.len() as u64).saturating_mul(MAX_RATIO));
    unfold(context()?, input, expected, max_output)
}

/// Decompresses one frame without magic number, which may refer to the prefix, to at most `max_output` bytes.
pub(crate) fn decompress_with_prefix(prefix: &[u8], input: &[u8], max_output: u64) -> Result<Vec<u8>> {
    let mut context = context()?;
    context
        .set_parameter(DParameter::Format(FrameFormat::Magicless))
        .and_then(|_| context.ref_prefix(prefix))
        .map_err(|code| fault(input, code))?;
    let expected = (input.len() as u64).saturating_mul(LIKELY_RATIO).max(MIN_STEP);
    unfold(context, input, expected, max_output)
}

fn context<'a>() -> Result<DCtx<'a>> {
    let mut context = DCtx::try_create()
        .ok_or_else(|| Error::new(ErrorCode::NO_SPACE, "there is no memory to decompress with zstd"))?;
    context.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG)).map_err(|code| fault(&[], code))?;
    Ok(context)
}

/// Decompresses the one frame that the input is. Room for `expected` bytes is made at once: where all of the content
/// fits, zstd writes it there directly, without a window of its own.
fn unfold(mut context: DCtx<'_>, input: &[u8], expected: u64, max_output: u64) -> Result<Vec<u8>> {
    let length = input.len() as u64;
    let too_long = || {
        let message = format!("the zstd stream of {length} bytes unfolds to more than {max_output}");
        Error::new(ErrorCode::LIMIT_EXCEEDED, message)
    };
    let mut source = InBuffer::around(input);
    let mut output = Vec::new();
    reserve(&mut output, expected.min(max_output))?;
    loop {
        let (read, start) = (source.pos(), output.len());
        let full = start as u64 >= max_output;
        // A byte outside tells a stream that fills the bound exactly from one that goes beyond it.
        let mut beyond = [0_u8];
        let (left, written) = if full {
            let mut target = OutBuffer::around(&mut beyond[..]);
            let left = context.decompress_stream(&mut target, &mut source);
            (left, target.pos())
        } else {
            if output.capacity() == start {
                reserve(&mut output, (start as u64).max(MIN_STEP).min(max_output - start as u64))?;
            }
            let mut target = OutBuffer::around_pos(&mut output, start);
            let left = context.decompress_stream(&mut target, &mut source);
            (left, target.pos() - start)
        };
        let left = left.map_err(|code| fault(input, code))?;
        if (full && written > 0) || output.len() as u64 > max_output {
            return Err(too_long());
        }
        if left == 0 {
            return ended(input, source.pos(), output);
        }
        if source.pos() == read && written == 0 {
            let message = format!("the zstd stream of {length} bytes is cut off");
            return Err(Error::new(ErrorCode::CORRUPT, message));
        }
    }
}

/// The output of a frame that has ended, if it ended where the input does.
fn ended(input: &[u8], read: usize, output: Vec<u8>) -> Result<Vec<u8>> {
    let left = input.len() - read;
    if left == 0 {
        return Ok(output);
    }
    let message = format!("{left} other bytes follow the zstd stream of {read}");
    Err(Error::new(ErrorCode::CORRUPT, message))
}

/// What zstd found wrong with a stream.
fn fault(input: &[u8], code: usize) -> Error {
    let (length, reason) = (input.len(), get_error_name(code));
    if is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        let message = format!("the zstd stream of {length} bytes needs a window of more than 128 MiB");
        return Error::new(ErrorCode::LIMIT_EXCEEDED, message);
    }
    if is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_memory_allocation) {
        let message = format!("there is no memory to decompress the zstd stream of {length} bytes");
        return Error::new(ErrorCode::NO_SPACE, message);
    }
    let message =
        format!("the zstd stream of {length} bytes is damaged, cut off, or of other bytes: {reason}");
    Error::new(ErrorCode::CORRUPT, message)
}

/// Makes room for `additional` bytes, no more.
fn reserve(output: &mut Vec<u8>, additional: u64) -> Result<()> {
    let additional = usize::try_from(additional).unwrap_or(usize::MAX);
    output.try_reserve_exact(additional).map_err(|error| {
        let message = format!("cannot allocate {additional} bytes to decompress into");
        Error::new(ErrorCode::NO_SPACE, message).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::{Options, compress, compress_with_prefix};

    const USUAL: Options = Options { level: 3, window_log: None };

    #[test]
    fn memory_stays_within_the_bound_and_follows_the_stream() {
        let zeros = vec![0; 1 << 20];
        let streams = [compress(USUAL, &zeros).unwrap(), compress_with_prefix(USUAL, b"", &zeros).unwrap()];
        let outputs = [decompress(&streams[0], 1 << 20), decompress_with_prefix(b"", &streams[1], 1 << 20)];
        for output in outputs {
            assert_eq!(output.unwrap().capacity(), 1 << 20);
        }
        // A header that claims 2^60 bytes, of which the input can hold a tiny part.
        let mut lying = vec![0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x00];
        lying.extend_from_slice(&(1_u64 << 60).to_le_bytes());
        lying.extend_from_slice(&[9, 0, 0, b'x']);
        let error = decompress(&lying, u64::MAX).unwrap_err();
        assert_eq!(error.code(), ErrorCode::CORRUPT, "{error}");
    }

    #[test]
    fn a_window_beyond_the_bound_is_refused() {
        // A frame without a content size whose window descriptor says 256 MiB, and one that says 128 MiB.
        let frame = |exponent: u8| [&[0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3][..], &[1, 0, 0]].concat();
        let error = decompress(&frame(18), 100).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LIMIT_EXCEEDED);
        assert!(error.message().contains("128 MiB"), "{error}");
        assert_eq!(decompress(&frame(17), 100).unwrap(), b"");
    }

    #[test]
    fn each_fault_of_a_stream_is_named() {
        let stream = compress_with_prefix(USUAL, b"prefix", b"a prefix and more").unwrap();
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

    #[test]
    fn another_frame_behind_the_first_is_refused() {
        let stream = compress(USUAL, b"state").unwrap();
        let error = decompress(&[&stream[..], &stream].concat(), 100).unwrap_err();
        assert_eq!(error.code(), ErrorCode::CORRUPT);
    }
}
