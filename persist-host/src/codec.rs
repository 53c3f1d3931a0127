//! Between a state and its stored frames: splitting, compressing, hashing, and the way back.
//!
//! A state is cut into frames that are compressed one by one, so that several processors work on a large state and so
//! that a frame can be used without the others. All of it is CPU work and runs on tokio's blocking threads; a state of
//! less than [`INLINE_BYTES`] is not worth the hand-off.

use std::sync::{Arc, LazyLock};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use persist_plugin_api::DynCompression;
use sha2::{Digest as _, Sha256};
use tokio::task::{JoinError, JoinHandle};
use tracing::Instrument as _;

use crate::format::Frame;
use crate::{ContentHash, Error, ErrorKind, Result};

/// The size of a frame before compression. With gzip, 1 MiB frames cost 0.6 % in size against one stream and let two
/// processors share the work.
const FRAME_BYTES: usize = 1 << 20;

/// States up to this size are handled on the caller's thread: a hand-off costs 50 to 80 µs.
const INLINE_BYTES: usize = 64 << 10;

/// Opens codecs by name. The name is the one that stored objects carry, so the source must know every codec that the
/// store was ever written with.
pub trait CodecSource: Send + Sync {
    /// The codec called `name`.
    ///
    /// # Errors
    /// When there is no such codec; the error says what would provide it.
    fn codec(&self, name: &str) -> Result<Arc<dyn DynCompression>>;
}

/// Content as it will be stored.
pub(crate) struct Encoded {
    /// The description of each frame, for the header.
    pub(crate) frames: Vec<Frame>,
    /// The stored bytes of each frame.
    pub(crate) bodies: Vec<Bytes>,
}

/// A codec, and what both sides have at hand before the first byte of a frame.
#[derive(Clone, Default)]
pub(crate) struct Coding {
    /// The codec; `None` stores content as it is.
    pub(crate) codec: Option<Arc<dyn DynCompression>>,
    /// What a frame may refer to beside itself; empty unless the codec can use it.
    pub(crate) prefix: Bytes,
}

/// Cuts content into frames and compresses them; every frame is decompressed again and compared before it counts.
pub(crate) async fn encode(content: &Bytes, coding: &Coding) -> Result<Encoded> {
    let pieces = split(content);
    let single = pieces.len() == 1;
    let encoded = stream::iter(pieces)
        .map(|raw| {
            let coding = coding.clone();
            off_thread(raw.len(), move || encode_frame(raw, &coding, single))
        })
        .buffered(parallelism() + 1)
        .try_collect::<Vec<(Frame, Bytes)>>();
    let span = tracing::debug_span!(target: "persist::step", "compress", bytes = content.len());
    let encoded = encoded.instrument(span).await?;
    let (frames, bodies) = encoded.into_iter().unzip();
    Ok(Encoded { frames, bodies })
}

/// Decompresses frames and joins them.
pub(crate) async fn decode(frames: Vec<(Frame, Bytes)>, length: u64, coding: &Coding) -> Result<Bytes> {
    let span = tracing::debug_span!(target: "persist::step", "decompress", bytes = length);
    let joined = join_frames(frames, length, coding, false).instrument(span).await?;
    Ok(joined.0)
}

/// As [`decode`], and hashes what several frames are joined to while later ones are still decompressed. What one frame
/// holds is not hashed here: nothing would be done at the same time.
pub(crate) async fn decode_and_hash(
    frames: Vec<(Frame, Bytes)>,
    length: u64,
    coding: &Coding,
) -> Result<(Bytes, Option<ContentHash>)> {
    let span = tracing::debug_span!(target: "persist::step", "decompress", bytes = length);
    join_frames(frames, length, coding, true).instrument(span).await
}

async fn join_frames(
    mut frames: Vec<(Frame, Bytes)>,
    length: u64,
    coding: &Coding,
    hashed: bool,
) -> Result<(Bytes, Option<ContentHash>)> {
    if frames.len() <= 1 {
        let Some((frame, body)) = frames.pop() else { return Ok((Bytes::new(), None)) };
        let coding = coding.clone();
        return Ok((off_thread(body.len(), move || decode_frame(&frame, body, &coding)).await?, None));
    }
    // Every frame is put in its place in the memory of the whole, on the thread that decompressed it.
    let mut rest = reserve(length)?;
    let places = frames.iter().map(|(frame, _)| {
        let after = usize::try_from(frame.raw_len).unwrap_or(usize::MAX).min(rest.capacity());
        let following = rest.split_off(after);
        std::mem::replace(&mut rest, following)
    });
    let places: Vec<BytesMut> = places.collect();
    let mut pieces = stream::iter(frames.into_iter().zip(places))
        .map(|((frame, body), mut place)| {
            let coding = coding.clone();
            off_thread(body.len(), move || {
                place.extend_from_slice(&decode_frame(&frame, body, &coding)?);
                Ok(place)
            })
        })
        .buffered(parallelism() + 1);
    let mut joined = BytesMut::new();
    let mut hasher = Sha256::new();
    let mut piece = pieces.try_next().await?;
    while let Some(adding) = piece.take() {
        let hash = off_thread(if hashed { adding.len() } else { 0 }, move || {
            if hashed {
                hasher.update(&adding);
            }
            Ok((hasher, adding))
        });
        let added;
        ((hasher, added), piece) = tokio::try_join!(hash, pieces.try_next())?;
        joined.unsplit(added);
    }
    Ok((joined.freeze(), hashed.then(|| ContentHash(hasher.finalize().into()))))
}

/// Memory for content of `length` bytes. It is not touched: it is used only as the frames that justify it arrive.
fn reserve(length: u64) -> Result<BytesMut> {
    let reserved = usize::try_from(length).ok().filter(|length| {
        // Asked for first, because `BytesMut` ends the process where there is no memory.
        Vec::<u8>::new().try_reserve_exact(*length).is_ok()
    });
    reserved.map(BytesMut::with_capacity).ok_or_else(|| {
        let message = format!("there is no memory for a state of {length} bytes");
        Error::new(ErrorKind::Other, "out_of_memory", message)
    })
}

/// Runs CPU work where it does not hold up the asynchronous threads. `bytes` is how much it works on.
pub(crate) async fn off_thread<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    started(bytes, work).finish().await
}

/// Starts CPU work on another thread, and lets its caller go on. What [`off_thread`] would do at once is done at once.
pub(crate) fn started<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Started<T> {
    if bytes <= INLINE_BYTES {
        return Started::Done(work());
    }
    let span = tracing::Span::current();
    Started::Running(tokio::task::spawn_blocking(move || span.in_scope(work)))
}

/// Work that has begun.
pub(crate) enum Started<T> {
    Done(Result<T>),
    Running(JoinHandle<Result<T>>),
}

impl<T> Started<T> {
    /// Waits for its end.
    pub(crate) async fn finish(self) -> Result<T> {
        match self {
            Self::Done(result) => result,
            Self::Running(handle) => handle.await.unwrap_or_else(|error| Err(lost_work(error))),
        }
    }
}

/// Starts CPU work whose result is wanted later, if at all. What [`off_thread`] would do at once is left until then.
pub(crate) fn ahead_of_need(bytes: usize, work: impl FnOnce() + Send + 'static) {
    if bytes > INLINE_BYTES {
        drop(tokio::task::spawn_blocking(work));
    }
}

fn lost_work(error: JoinError) -> Error {
    let message = "a worker thread ended before its work was done";
    Error::new(ErrorKind::Other, "worker_lost", message).with_source(error)
}

fn split(state: &Bytes) -> Vec<Bytes> {
    (0..state.len())
        .step_by(FRAME_BYTES)
        .map(|at| state.slice(at..state.len().min(at + FRAME_BYTES)))
        .collect()
}

/// How many frames are worked on at once. Asked for once: on Linux the answer is read from several files.
fn parallelism() -> usize {
    static PROCESSORS: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
    *PROCESSORS
}

fn encode_frame(raw: Bytes, coding: &Coding, single: bool) -> Result<(Frame, Bytes)> {
    let digest = (!single).then(|| Frame::digest_of(&raw));
    let raw_len = raw.len() as u64;
    let body = match &coding.codec {
        None => raw,
        Some(codec) => {
            let body = if coding.prefix.is_empty() {
                codec.compress(raw.clone())
            } else {
                codec.compress_with_prefix(coding.prefix.clone(), raw.clone())
            };
            let body = body.map_err(|error| Error::from_adapter("cannot compress the state", error))?;
            let back = decompress(&**codec, &coding.prefix, body.clone(), raw_len);
            if back.map_err(|error| wrong_codec().with_source(error))? != raw {
                return Err(wrong_codec());
            }
            body
        }
    };
    Ok((Frame { stored_len: body.len() as u64, raw_len, digest }, body))
}

fn decompress(
    codec: &dyn DynCompression,
    prefix: &Bytes,
    body: Bytes,
    most: u64,
) -> persist_plugin_api::Result<Bytes> {
    if prefix.is_empty() {
        codec.decompress(body, most)
    } else {
        codec.decompress_with_prefix(prefix.clone(), body, most)
    }
}

fn wrong_codec() -> Error {
    let message = "the compression adapter does not give back what it compressed; nothing was stored";
    Error::new(ErrorKind::Plugin, "codec_unfaithful", message)
        .with_hint("configure another compression adapter and report this one to its author")
}

fn decode_frame(frame: &Frame, body: Bytes, coding: &Coding) -> Result<Bytes> {
    let Some(codec) = &coding.codec else { return Ok(body) };
    let raw = decompress(&**codec, &coding.prefix, body, frame.raw_len)
        .map_err(|error| Error::from_adapter("cannot decompress the state", error))?;
    if raw.len() as u64 != frame.raw_len {
        let message = format!("a frame holds {} bytes, expected {}", raw.len(), frame.raw_len);
        return Err(Error::new(ErrorKind::Integrity, "compressed_data_damaged", message));
    }
    Ok(raw)
}
