//! Compression, one check a function.

pub mod prefix;

use bytes::{Bytes, BytesMut};
use persist_plugin_api::{DynCompression, ErrorCode};

use crate::failure::{Failure, Outcome, ensure, expect_bytes, expect_error};
use crate::sample::{MIB, noise, text};

/// Inputs of 0 and 1 byte, small ones and 8 MiB, compressible or not, come back byte for byte.
///
/// # Errors
/// What the adapter did otherwise.
pub fn every_input_comes_back(compression: &dyn DynCompression) -> Outcome {
    for (name, input) in [
        ("empty", Bytes::new()),
        ("1 byte", Bytes::from_static(b"x")),
        ("small", text(100)),
        ("64 KiB and 1", noise(65_537, 3)),
        ("8 MiB of text", text(8 * MIB)),
        ("8 MiB of noise", noise(8 * MIB, 4)),
        ("8 MiB of zeros", Bytes::from(vec![0; 8 * MIB])),
    ] {
        let stream = compression.compress(input.clone())?;
        let output = compression.decompress(stream, input.len() as u64)?;
        expect_bytes(&output, &input, name)?;
    }
    Ok(())
}

/// A bound of exactly the output's length suffices, and one byte less is an exceeded limit.
///
/// # Errors
/// What the adapter did otherwise.
pub fn the_bound_is_exact(compression: &dyn DynCompression) -> Outcome {
    for length in [1, 2, 1000, 32_768, 65_536, 65_537, MIB] {
        let input = text(length);
        let stream = compression.compress(input.clone())?;
        expect_bytes(
            &compression.decompress(stream.clone(), length as u64)?,
            &input,
            format!("{length} bytes"),
        )?;
        for bound in [0, length / 2, length - 1] {
            let what = format!("{length} bytes under a bound of {bound}");
            let result = compression.decompress(stream.clone(), bound as u64);
            expect_error(result, ErrorCode::LIMIT_EXCEEDED, what)?;
        }
    }
    let stream = compression.compress(Bytes::new())?;
    expect_bytes(&compression.decompress(stream, 0)?, b"", "no bytes under a bound of 0")
}

/// A small stream that unfolds to 64 MiB ends at the bound.
///
/// # Errors
/// What the adapter did otherwise.
pub fn bombs_are_bounded(compression: &dyn DynCompression) -> Outcome {
    let bomb = compression.compress(Bytes::from(vec![0; 64 * MIB]))?;
    for bound in [0, 1, 1 << 10, 1 << 20] {
        let what = format!("a bomb of {} bytes under a bound of {bound}", bomb.len());
        expect_error(compression.decompress(bomb.clone(), bound), ErrorCode::LIMIT_EXCEEDED, what)?;
    }
    Ok(())
}

/// Memory follows the output, not the bound: the highest bound there is works on a small stream.
///
/// # Errors
/// What the adapter did otherwise.
pub fn a_high_bound_costs_nothing(compression: &dyn DynCompression) -> Outcome {
    let input = text(1000);
    let stream = compression.compress(input.clone())?;
    expect_bytes(&compression.decompress(stream, u64::MAX)?, &input, "under a bound of u64::MAX")
}

/// A stream that lacks its end, wherever it was cut, is corrupt.
///
/// # Errors
/// What the adapter did otherwise.
pub fn truncated_streams_are_corrupt(compression: &dyn DynCompression) -> Outcome {
    let input = text(3000);
    let stream = compression.compress(input)?;
    for length in 0..stream.len() {
        let what = format!("the first {length} of {} bytes", stream.len());
        expect_error(compression.decompress(stream.slice(..length), 3000), ErrorCode::CORRUPT, what)?;
    }
    Ok(())
}

/// A stream with one flipped bit is an error or, where the bit means nothing, the same output; never another one.
///
/// # Errors
/// What the adapter did otherwise.
pub fn flipped_bits_never_change_the_output(compression: &dyn DynCompression) -> Outcome {
    let input = text(3000);
    let stream = compression.compress(input.clone())?;
    let mut errors = 0;
    for bit in 0..stream.len() * 8 {
        let mut damaged = BytesMut::from(&*stream);
        damaged[bit / 8] ^= 1 << (bit % 8);
        match compression.decompress(damaged.freeze(), input.len() as u64) {
            Ok(output) => expect_bytes(&output, &input, format!("bit {} of byte {}", bit % 8, bit / 8))?,
            Err(error) if [ErrorCode::CORRUPT, ErrorCode::LIMIT_EXCEEDED].contains(&error.code()) => {
                errors += 1;
            }
            Err(error) => return Err(Failure::from(error)),
        }
    }
    ensure!(errors > stream.len() * 4, "only {errors} of {} flipped bits were noticed", stream.len() * 8);
    Ok(())
}

/// A stream followed by anything else is corrupt.
///
/// # Errors
/// What the adapter did otherwise.
pub fn trailing_bytes_are_corrupt(compression: &dyn DynCompression) -> Outcome {
    for input in [Bytes::new(), text(3000)] {
        let stream = compression.compress(input.clone())?;
        for tail in [&b"\0"[..], b"x", b"\0\0\0\0\0\0\0\0\0\0\0\0", b"not a stream at all"] {
            let followed = Bytes::from([&stream, tail].concat());
            let what = format!("{} bytes after the stream of {}", tail.len(), input.len());
            expect_error(compression.decompress(followed, input.len() as u64), ErrorCode::CORRUPT, what)?;
        }
    }
    Ok(())
}

/// Bytes that are no stream of this method are corrupt.
///
/// # Errors
/// What the adapter did otherwise.
pub fn other_bytes_are_corrupt(compression: &dyn DynCompression) -> Outcome {
    for other in [Bytes::new(), Bytes::from_static(b"plain text"), noise(5000, 9), Bytes::from(vec![0; 5000])]
    {
        let what = format!("{} bytes of something else", other.len());
        expect_error(compression.decompress(other, 1 << 20), ErrorCode::CORRUPT, what)?;
    }
    Ok(())
}

/// Streams that were damaged on purpose, and bytes of every small length, are answered: with `CORRUPT`,
/// `LIMIT_EXCEEDED` or an output within the bound, never with a panic.
///
/// # Errors
/// What the adapter did otherwise.
pub fn damaged_streams_never_panic(compression: &dyn DynCompression) -> Outcome {
    const BOUND: usize = MIB;
    let answered = |input: Bytes, what: String| match compression.decompress(input, BOUND as u64) {
        Ok(output) => {
            ensure!(output.len() <= BOUND, "{what}: {} bytes under a bound of {BOUND}", output.len());
            Ok(())
        }
        Err(error) if [ErrorCode::CORRUPT, ErrorCode::LIMIT_EXCEEDED].contains(&error.code()) => Ok(()),
        Err(error) => Err(Failure::new(format!("{what}: {}", Failure::from(error)))),
    };
    for length in 0..200 {
        answered(noise(length, length as u64 + 1), format!("{length} bytes of noise"))?;
    }
    // The beginning, where lengths are; each byte at its extremes and beside its neighbours.
    let stream = compression.compress(text(3000))?;
    for at in 0..stream.len().min(300) {
        for byte in [0, 1, 0x7f, 0x80, 0xff, stream[at].wrapping_add(1), stream[at].wrapping_sub(1)] {
            let mut damaged = BytesMut::from(&*stream);
            damaged[at] = byte;
            answered(damaged.freeze(), format!("a stream whose byte {at} is {byte:#04x}"))?;
        }
    }
    Ok(())
}

/// One adapter serves many threads at once, as the host uses it.
///
/// # Errors
/// What the adapter did otherwise.
pub fn many_threads_share_it(compression: &dyn DynCompression) -> Outcome {
    let work = |thread: u64| -> Outcome {
        for round in 0..8 {
            let input = noise(40_000, thread * 100 + round + 1);
            let stream = compression.compress(input.clone())?;
            let output = compression.decompress(stream, input.len() as u64)?;
            expect_bytes(&output, &input, format!("round {round} of thread {thread} of 8"))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || work(thread))).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|payload| Err(Failure::panicked(&*payload))))
    })
}
