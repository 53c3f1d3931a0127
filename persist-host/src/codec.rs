//! Between a state and its stored frames: splitting, compressing, hashing, and the way back.
//!
//! A state is cut into frames that are compressed one by one, so that several processors work on a large state and so
//! that a frame can be used without the others. All of it is CPU work and runs on tokio's blocking threads; a state of
//! less than [`INLINE_BYTES`] is not worth the hand-off.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use persist_plugin_api::DynCompression;
use tokio::task::JoinError;

use crate::format::Frame;
use crate::{Error, ErrorKind, Result};

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
    let encoded: Vec<(Frame, Bytes)> = stream::iter(pieces)
        .map(|raw| {
            let coding = coding.clone();
            off_thread(raw.len(), move || encode_frame(raw, &coding, single))
        })
        .buffered(parallelism())
        .try_collect()
        .await?;
    let (frames, bodies) = encoded.into_iter().unzip();
    Ok(Encoded { frames, bodies })
}

/// Decompresses frames and joins them. The result's hash is the caller's to check.
pub(crate) async fn decode(frames: Vec<(Frame, Bytes)>, length: u64, coding: &Coding) -> Result<Bytes> {
    let mut pieces = stream::iter(frames)
        .map(|(frame, body)| {
            let coding = coding.clone();
            off_thread(body.len(), move || decode_frame(&frame, body, &coding))
        })
        .buffered(parallelism());
    let first = pieces.try_next().await?.unwrap_or_default();
    let Some(second) = pieces.try_next().await? else { return Ok(first) };
    // Reserved, not touched: the memory is used only as the frames that justify it arrive.
    let mut state = Vec::new();
    let reserved = usize::try_from(length)
        .map_err(drop)
        .and_then(|length| state.try_reserve_exact(length).map_err(drop));
    reserved.map_err(|()| {
        Error::new(
            ErrorKind::Other,
            "out_of_memory",
            format!("there is no memory for a state of {length} bytes"),
        )
    })?;
    state.extend_from_slice(&first);
    state.extend_from_slice(&second);
    drop((first, second));
    while let Some(piece) = pieces.try_next().await? {
        state.extend_from_slice(&piece);
    }
    Ok(state.into())
}

/// Runs CPU work where it does not hold up the asynchronous threads. `bytes` is how much it works on.
pub(crate) async fn off_thread<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if bytes <= INLINE_BYTES {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(lost_work(error)))
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

fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
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
