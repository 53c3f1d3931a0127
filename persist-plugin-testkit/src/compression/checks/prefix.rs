//! Compression with a prefix. An adapter that does not claim it passes all but the first check unasked.

use bytes::{Bytes, BytesMut};
use persist_plugin_api::{DynCompression, Error, ErrorCode};

use crate::failure::{Failure, Outcome, ensure, expect_bytes, expect_error};
use crate::sample::{MIB, noise, text};

/// An adapter that says it supports prefixes uses them, and one that says it does not refuses them as unsupported.
///
/// # Errors
/// What the adapter did otherwise.
pub fn support_is_honest(compression: &dyn DynCompression) -> Outcome {
    let (prefix, input) = (noise(20_000, 1), noise(20_000, 1));
    let stream = compression.compress_with_prefix(prefix.clone(), input.clone());
    if !compression.supports_prefix() {
        expect_error(stream, ErrorCode::UNSUPPORTED, "compress_with_prefix")?;
        let result = compression.decompress_with_prefix(prefix, input, 100_000);
        expect_error(result, ErrorCode::UNSUPPORTED, "decompress_with_prefix")?;
        return Ok(());
    }
    let stream = stream?;
    ensure!(stream.len() < 2000, "20,000 bytes that equal their prefix were compressed to {}", stream.len());
    let output = compression.decompress_with_prefix(prefix, stream, 20_000)?;
    expect_bytes(&output, &input, "a round trip with a prefix")
}

/// Prefixes from no byte to 1 MiB, and inputs that are unlike their prefix, continue it or repeat its end, come back
/// byte for byte.
///
/// # Errors
/// What the adapter did otherwise.
pub fn every_prefix_comes_back(compression: &dyn DynCompression) -> Outcome {
    if !compression.supports_prefix() {
        return Ok(());
    }
    for length in [0, 1, 100, 32_767, 32_768, 32_769, 100_000, MIB] {
        let (lines, prefix) = (text(length + 40_000), noise(length, 5));
        for (name, prefix, input) in [
            ("nothing", prefix.clone(), Bytes::new()),
            ("1 byte", prefix.clone(), Bytes::from_static(b"x")),
            ("other bytes", prefix.clone(), text(70_000)),
            ("its end", prefix.clone(), prefix.slice(length.saturating_sub(30_000)..)),
            ("itself", prefix.clone(), prefix),
            ("more of the same", lines.slice(..length), lines.slice(length..)),
        ] {
            let what = format!("a prefix of {length} bytes and {name}");
            let stream = compression.compress_with_prefix(prefix.clone(), input.clone())?;
            let output = compression.decompress_with_prefix(prefix, stream, input.len() as u64)?;
            expect_bytes(&output, &input, what)?;
        }
    }
    Ok(())
}

/// A bound of exactly the output's length suffices, the highest there is costs nothing, and one byte less is an
/// exceeded limit, also for a small stream that unfolds to 16 MiB.
///
/// # Errors
/// What the adapter did otherwise.
pub fn the_bound_is_exact(compression: &dyn DynCompression) -> Outcome {
    if !compression.supports_prefix() {
        return Ok(());
    }
    let zeros = Bytes::from(vec![0; 16 * MIB]);
    for (prefix, input) in [
        (text(5000), text(9000)),
        (noise(5000, 6), text(1)),
        (Bytes::new(), text(65_537)),
        (text(100), zeros),
    ] {
        let length = input.len() as u64;
        let stream = compression.compress_with_prefix(prefix.clone(), input.clone())?;
        for bound in [length, u64::MAX] {
            let output = compression.decompress_with_prefix(prefix.clone(), stream.clone(), bound)?;
            expect_bytes(&output, &input, format!("{length} bytes under a bound of {bound}"))?;
        }
        for bound in [0, length / 2, length - 1] {
            let what = format!("{length} bytes with a prefix under a bound of {bound}");
            let result = compression.decompress_with_prefix(prefix.clone(), stream.clone(), bound);
            expect_error(result, ErrorCode::LIMIT_EXCEEDED, what)?;
        }
    }
    Ok(())
}

/// A stream that lacks its end, wherever it was cut, is corrupt.
///
/// # Errors
/// What the adapter did otherwise.
pub fn truncated_streams_are_corrupt(compression: &dyn DynCompression) -> Outcome {
    if !compression.supports_prefix() {
        return Ok(());
    }
    let (prefix, input) = (text(2000), text(3000));
    let stream = compression.compress_with_prefix(prefix.clone(), input)?;
    for length in 0..stream.len() {
        let what = format!("the first {length} of {} bytes", stream.len());
        let result = compression.decompress_with_prefix(prefix.clone(), stream.slice(..length), 3000);
        expect_error(result, ErrorCode::CORRUPT, what)?;
    }
    Ok(())
}

/// A stream followed by anything else is corrupt.
///
/// # Errors
/// What the adapter did otherwise.
pub fn trailing_bytes_are_corrupt(compression: &dyn DynCompression) -> Outcome {
    if !compression.supports_prefix() {
        return Ok(());
    }
    let prefix = text(2000);
    for input in [Bytes::new(), text(3000)] {
        let stream = compression.compress_with_prefix(prefix.clone(), input.clone())?;
        for tail in [&b"\0"[..], b"x", b"not a stream at all", &stream] {
            let followed = Bytes::from([&stream, tail].concat());
            let what = format!("{} bytes after the stream of {}", tail.len(), input.len());
            let result = compression.decompress_with_prefix(prefix.clone(), followed, input.len() as u64);
            expect_error(result, ErrorCode::CORRUPT, what)?;
        }
    }
    Ok(())
}

/// A stream with one flipped bit, or bytes that are no stream at all, end within the bound or as a stream that is
/// corrupt or too long. The method may have no checksum, so other output is allowed.
///
/// # Errors
/// What the adapter did otherwise.
pub fn damage_is_bounded(compression: &dyn DynCompression) -> Outcome {
    if !compression.supports_prefix() {
        return Ok(());
    }
    let (prefix, input) = (text(2000), text(3000));
    let stream = compression.compress_with_prefix(prefix.clone(), input)?;
    let flipped = (0..stream.len() * 8).map(|bit| {
        let mut damaged = BytesMut::from(&*stream);
        damaged[bit / 8] ^= 1 << (bit % 8);
        damaged.freeze()
    });
    for damaged in flipped.chain([noise(5000, 9), Bytes::from(vec![0; 5000]), Bytes::from(vec![0xff; 5000])])
    {
        let result = compression.decompress_with_prefix(prefix.clone(), damaged, 3000);
        within_the_bound(result, 3000, "a damaged stream")?;
    }
    Ok(())
}

/// A stream read with another prefix, or with none, is an error or gives other bytes.
///
/// # Errors
/// What the adapter did otherwise.
pub fn another_prefix_is_another_output(compression: &dyn DynCompression) -> Outcome {
    if !compression.supports_prefix() {
        return Ok(());
    }
    for length in [500, 20_000, 100_000] {
        let prefix = noise(length, 7);
        let input = prefix.slice(length.saturating_sub(10_000)..);
        let stream = compression.compress_with_prefix(prefix.clone(), input.clone())?;
        let bound = input.len();
        for (name, other) in [
            ("none", Bytes::new()),
            ("a shorter one", prefix.slice(length - 100..)),
            ("its beginning", prefix.slice(..length - 100)),
            ("another one", noise(length, 8)),
        ] {
            let what = format!("{name} instead of a prefix of {length} bytes");
            let result = compression.decompress_with_prefix(other, stream.clone(), bound as u64);
            let output = within_the_bound(result, bound, &what)?;
            ensure!(output.as_ref() != Some(&input), "{what} gives the same output: the prefix is not used");
        }
    }
    Ok(())
}

/// A prefix touches the call that it was passed to and nothing else: streams without one stay readable, and equal.
///
/// # Errors
/// What the adapter did otherwise.
pub fn other_streams_stay_as_they_are(compression: &dyn DynCompression) -> Outcome {
    if !compression.supports_prefix() {
        return Ok(());
    }
    let (prefix, input) = (noise(10_000, 10), noise(10_000, 10));
    let before = compression.compress(input.clone())?;
    let first = compression.compress_with_prefix(prefix.clone(), input.clone())?;
    let after = compression.compress(input.clone())?;
    for (name, stream) in [("before", before), ("after", after)] {
        let output = compression.decompress(stream, input.len() as u64)?;
        expect_bytes(&output, &input, format!("a stream without a prefix, written {name} one with"))?;
    }
    compression.compress_with_prefix(noise(10_000, 11), input.clone())?;
    let output = compression.decompress_with_prefix(prefix, first, input.len() as u64)?;
    expect_bytes(&output, &input, "a stream that others with other prefixes followed")
}

/// The output, if there is one: no longer than the bound. An error must say that the stream is corrupt or too long.
fn within_the_bound(
    result: Result<Bytes, Error>,
    bound: usize,
    what: &str,
) -> Result<Option<Bytes>, Failure> {
    match result {
        Ok(output) => {
            ensure!(output.len() <= bound, "{what}: {} bytes under a bound of {bound}", output.len());
            Ok(Some(output))
        }
        Err(error) if [ErrorCode::CORRUPT, ErrorCode::LIMIT_EXCEEDED].contains(&error.code()) => Ok(None),
        Err(error) => Err(Failure::from(error)),
    }
}
