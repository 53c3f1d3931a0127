//! What a session's states are measured against: their own size, the least that storing them takes, and gzip.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use persist_host::{Error, ErrorKind, Result, validate_json};

use super::new_content::new_content;
use super::source::{Source, State};
use crate::cli::progress::Progress;

/// The level that both comparisons compress with: zlib's usual one.
const LEVEL: u32 = 6;

/// Sizes to compare with, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Comparison {
    /// All states as they are.
    pub(super) raw: u64,
    /// Each state's new content, deflated by itself.
    pub(super) ideal: u64,
    /// Each whole state, gzipped by itself; `None` unless asked for.
    pub(super) gzip: Option<u64>,
}

impl Comparison {
    /// Reads all states of a session and checks those that must be JSON, before anything is saved.
    pub(super) async fn of(source: &Source, with_gzip: bool, progress: &Progress) -> Result<Self> {
        let mut sum = Self::default();
        let mut previous = Bytes::new();
        let mut states = source.states();
        while let Some(state) = states.next().await? {
            let bytes = state.bytes.clone();
            // Off the asynchronous threads, so that Ctrl-C is heard.
            let compared = tokio::task::spawn_blocking(move || compare(&previous, &state, with_gzip)).await;
            sum.add(&compared.map_err(|error| {
                let message = "the thread that compresses states to compare with ended early";
                Error::new(ErrorKind::Other, "bench_failed", message).with_source(error)
            })??);
            previous = bytes;
            progress.advance();
        }
        Ok(sum)
    }

    /// Adds another part of the same run.
    pub(super) fn add(&mut self, other: &Self) {
        self.raw += other.raw;
        self.ideal += other.ideal;
        if let Some(gzip) = other.gzip {
            *self.gzip.get_or_insert_default() += gzip;
        }
    }
}

fn compare(previous: &[u8], state: &State, with_gzip: bool) -> Result<Comparison> {
    if state.is_json {
        validate_json(&state.bytes).map_err(|error| {
            let message = format!("{} is not valid JSON; nothing was saved", state.name);
            Error::new(ErrorKind::InvalidInput, "invalid_json", message)
                .with_context("line", error.line)
                .with_context("column", error.column)
                .with_hint("states that are not JSON have names that do not end in .json")
                .with_source(error)
        })?;
    }
    let sizes = || -> io::Result<Comparison> {
        Ok(Comparison {
            raw: state.bytes.len() as u64,
            ideal: deflated(&new_content(previous, &state.bytes))?,
            gzip: with_gzip.then(|| gzipped(&state.bytes)).transpose()?,
        })
    };
    sizes().map_err(|error| {
        let message = format!("cannot compress {} to compare with", state.name);
        Error::new(ErrorKind::Other, "bench_failed", message).with_source(error)
    })
}

/// The size after compression without any frame; nothing takes nothing.
fn deflated(bytes: &[u8]) -> io::Result<u64> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let mut encoder = DeflateEncoder::new(Length(0), Compression::new(LEVEL));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.0)
}

fn gzipped(bytes: &[u8]) -> io::Result<u64> {
    let mut encoder = GzEncoder::new(Length(0), Compression::new(LEVEL));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.0)
}

/// Counts what is written to it.
struct Length(u64);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(bytes: &[u8], is_json: bool) -> State {
        State { bytes: Bytes::copy_from_slice(bytes), is_json, name: "it".to_owned() }
    }

    #[test]
    fn only_new_content_counts_for_the_ideal() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(2_000).collect();
        let first = compare(&[], &state(&noise[..1_000], false), true).unwrap();
        assert_eq!(first.raw, 1_000);
        // Noise does not compress; frames take a few bytes.
        assert!((1_000..1_010).contains(&first.ideal), "{first:?}");
        assert!((1_018..1_030).contains(&first.gzip.unwrap()), "{first:?}");
        let second = compare(&noise[..1_000], &state(&noise[..1_200], false), false).unwrap();
        assert!((200..210).contains(&second.ideal), "{second:?}");
        assert_eq!(second.gzip, None);
        assert_eq!(compare(&noise, &state(&noise, false), false).unwrap().ideal, 0);
    }

    #[test]
    fn what_must_be_json_is_checked() {
        let error = compare(&[], &state(b"[1,]", true), false).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "invalid_json"));
        assert!(compare(&[], &state(b"[1,]", false), false).is_ok());
    }

    #[test]
    fn sums_know_whether_gzip_was_asked_for() {
        let mut sum = Comparison::default();
        sum.add(&Comparison { raw: 5, ideal: 3, gzip: None });
        assert_eq!(sum.gzip, None);
        sum.add(&Comparison { raw: 5, ideal: 3, gzip: Some(9) });
        assert_eq!((sum.raw, sum.ideal, sum.gzip), (10, 6, Some(9)));
    }
}
