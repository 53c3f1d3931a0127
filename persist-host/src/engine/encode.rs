//! Encoding: a state becomes the body of one object, as a delta where that is smaller, else in full.

use std::sync::Arc;

use bytes::Bytes;

use super::Store;
use super::cache::Warm;
use super::chain::{Chain, Layer};
use super::errors::damaged;
use super::head::View;
use super::segment::Tuning;
use crate::codec::{self, Coding, Encoded, Started, off_thread, started};
use crate::delta::{self, Op};
use crate::format::{Delta, Storage, Transform};
use crate::observe::CacheLookup;
use crate::{ErrorKind, Result, SessionRef, SnapshotIndex, WriteId};

/// The longest state, in bytes, that is compared with an indexed one on the caller's thread: that takes some 0.1 ms.
const BRIEF_BYTES: usize = 1 << 20;

/// A state as the body of an object.
pub(super) struct Body {
    encoded: Encoded,
    segment_start: SnapshotIndex,
    delta: Option<Delta>,
    /// What the body is stored against.
    below: Option<Chain>,
    ops: Option<Vec<Op>>,
    literals: Bytes,
}

/// The steps of a delta and what they insert.
struct Difference {
    /// What the delta is against.
    below: Chain,
    ops: Vec<Op>,
    steps_len: u64,
    /// The encoded steps, then the literals.
    content: Bytes,
    /// The check that what will be stored rebuilds the state.
    check: Started<()>,
}

impl Body {
    /// The stored bytes of each frame.
    pub(super) fn frames(&self) -> &[Bytes] {
        &self.encoded.bodies
    }

    /// The same as a part of a segment that starts earlier.
    pub(super) fn in_segment(self, segment_start: SnapshotIndex) -> Self {
        Self { segment_start, ..self }
    }

    /// The storage section of the object's header.
    pub(super) fn storage(&self, write_id: WriteId, codec_name: Option<&str>) -> Storage {
        Storage {
            write_id,
            segment_start: self.segment_start,
            transforms: codec_name.into_iter().map(Transform::named).collect(),
            frames: self.encoded.frames.clone(),
            delta: self.delta.clone(),
        }
    }

    /// The chain that leads to the snapshot once it is stored under `index` as `object`.
    pub(super) fn into_chain(self, index: SnapshotIndex, object: &Bytes, length: u64) -> Chain {
        let mut digest = [0; 32];
        // An object ends with the digest in its trailer.
        digest.copy_from_slice(&object[object.len() - 32..]);
        let layer = Layer {
            index,
            digest,
            stored_bytes: stored_len(&self.encoded),
            weight: self.encoded.frames.iter().map(|frame| frame.raw_len).sum(),
            ops: self.ops,
            literals: self.literals,
            length,
        };
        match self.below {
            None => Chain::full(layer),
            Some(below) => below.with(layer),
        }
    }
}

impl Store {
    /// Encodes a state for the index after the head: against the logical parent where that lies in the head's segment,
    /// else against the head, in full where neither is possible or smaller.
    pub(super) async fn encode(
        &self,
        session: &SessionRef,
        state: &Bytes,
        index: SnapshotIndex,
        parent: Option<SnapshotIndex>,
        view: &View,
    ) -> Result<Body> {
        if let Some((warm, segment_start)) = self.find_base(session, parent, view).await?
            && let Some(body) = self.encode_on(warm, state, segment_start).await?
        {
            return Ok(body);
        }
        self.encode_full(state, index).await
    }

    /// Encodes a state on its own; a new segment starts with it.
    pub(super) async fn encode_full(&self, state: &Bytes, index: SnapshotIndex) -> Result<Body> {
        let coding = Coding { codec: self.codec()?, prefix: Bytes::new() };
        let encoded = codec::encode(state, &coding).await?;
        let literals = state.clone();
        Ok(Body { encoded, segment_start: index, delta: None, below: None, ops: None, literals })
    }

    /// Encodes a state against another of its segment; `None` when a full snapshot is the better choice.
    pub(super) async fn encode_on(
        &self,
        warm: Arc<Warm>,
        state: &Bytes,
        segment_start: SnapshotIndex,
    ) -> Result<Option<Body>> {
        let tuning = self.options().tuning;
        let Some(difference) = find_difference(warm, state.clone(), tuning).await? else { return Ok(None) };
        let Difference { below, ops, steps_len, content, check } = difference;
        let codec = self.codec()?;
        let length = state.len() as u64;
        // What a full snapshot would take, from what the segment's own one took. That may have been compressed.
        let keyframe = below.keyframe();
        let in_full = match &codec {
            Some(_) => keyframe.stored_bytes.saturating_mul(length) / keyframe.length.max(1),
            None => length,
        };
        if content.len() as u64 - steps_len > length / 2 || steps_len > in_full {
            return Ok(None);
        }
        let prefix = match &codec {
            Some(codec) if codec.supports_prefix() => below.prefix(tuning.prefix_bytes),
            _ => Bytes::new(),
        };
        let prefix_len = prefix.len() as u64;
        let encoded = codec::encode(&content, &Coding { codec, prefix }).await?;
        check.finish().await?;
        let stored = stored_len(&encoded);
        if stored >= in_full.max(1) || tuning.reads_too_much(below.stored_bytes() + stored, in_full) {
            return Ok(None);
        }
        let (ancestors, ancestors_digest) = (below.ancestors(), below.digest());
        let delta = Delta { ancestors, ancestors_digest, steps_len, prefix_len };
        // The steps were encoded in memory, so their length is a `usize`.
        let literals = content.slice(steps_len as usize..);
        Ok(Some(Body {
            encoded,
            segment_start,
            delta: Some(delta),
            below: Some(below),
            ops: Some(ops),
            literals,
        }))
    }

    /// Finds what the snapshot after the head can be stored against: its logical parent if that lies in the head's
    /// segment, else the head. Only that segment is sure to stay as it is.
    async fn find_base(
        &self,
        session: &SessionRef,
        parent: Option<SnapshotIndex>,
        view: &View,
    ) -> Result<Option<(Arc<Warm>, SnapshotIndex)>> {
        let (Some(head), Some(record)) = (view.head, &view.head_record) else { return Ok(None) };
        let Some(segment_start) = record.segment_start else { return Ok(None) };
        if self.options().tuning.is_full(head.get() + 1 - segment_start.get()) {
            return Ok(None);
        }
        let near = parent.filter(|parent| *parent >= segment_start).unwrap_or(head);
        let warm = self.warm(session).filter(|warm| warm.chain.top().index == near);
        self.note_cache_lookup(warm.is_some());
        let warm = match warm {
            Some(warm) => Some(warm),
            None => self.load_warm(session, near).await?,
        };
        Ok(warm.filter(|warm| warm.chain.keyframe().index == segment_start).map(|warm| (warm, segment_start)))
    }

    /// Reads a snapshot to store another against it; `None` when it is not there in one piece, which must not keep an
    /// agent from saving on: `verify` reports it.
    async fn load_warm(&self, session: &SessionRef, index: SnapshotIndex) -> Result<Option<Arc<Warm>>> {
        let fetched = match self.fetch_record(session, index).await {
            Ok(Some(fetched)) => self.build_state(fetched).await,
            Ok(None) => return Ok(None),
            Err(error) => Err(error),
        };
        match fetched {
            Ok((fetched, state)) => Ok(Some(Arc::new(Warm::new(fetched.chain, state, None)))),
            Err(error)
                if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::NotFound | ErrorKind::Plugin) =>
            {
                tracing::warn!(%session, %index, %error, "cannot read the snapshot before; storing a full one");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn note_cache_lookup(&self, hit: bool) {
        let lookup = CacheLookup { store: &self.shared.name, hit };
        self.shared.observers.iter().for_each(|observer| observer.cache_lookup(&lookup));
    }

    /// The codec that new objects are compressed with.
    pub(super) fn codec(&self) -> Result<Option<Arc<dyn persist_plugin_api::DynCompression>>> {
        let options = self.options();
        options.codec_name.as_deref().map(|name| options.codecs.codec(name)).transpose()
    }
}

fn stored_len(encoded: &Encoded) -> u64 {
    encoded.frames.iter().map(|frame| frame.stored_len).sum()
}

/// Computes a delta against that snapshot of a chain which suits best, and begins to check that what will be stored rebuilds
/// the state; `None` when it would take too many steps.
async fn find_difference(base: Arc<Warm>, state: Bytes, tuning: Tuning) -> Result<Option<Difference>> {
    // What takes less than a hand-off to a thread is done at once, while another one checks the state.
    let brief = state.len() <= BRIEF_BYTES && base.is_indexed();
    let bytes = if brief { 0 } else { state.len() };
    off_thread(bytes, move || {
        let _span = tracing::debug_span!(target: "persist::step", "delta", bytes = state.len()).entered();
        let mut ops = delta::diff(&base.state, base.index(), &state);
        let mut steps = delta::encode_ops(&ops);
        let added: u64 = ops.iter().map(|op| op.inserted()).sum();
        let mut below = base.chain.clone();
        let kept = tuning.base_of(&below.weights(), added + steps.len() as u64);
        if kept < below.objects() {
            let Some(rebased) = below.rebase(kept, &ops) else { return Ok(None) };
            ops = rebased;
            steps = delta::encode_ops(&ops);
            below = below.cut(kept);
        }
        let steps_len = steps.len();
        let mut content = steps;
        content.extend_from_slice(&delta::literals(&ops, &state));
        let content = Bytes::from(content);
        let (stored, chain) = (content.clone(), below.clone());
        let check = started(bytes, move || check_rebuilds(&base, &chain, &stored, steps_len, &state));
        Ok(Some(Difference { below, ops, steps_len: steps_len as u64, content, check }))
    })
    .await
}

/// Reads back the content of a delta against the last snapshot of `chain`, which is that of `base` as far as it goes, and
/// compares what it makes with the state.
fn check_rebuilds(base: &Warm, chain: &Chain, content: &Bytes, steps_len: usize, state: &[u8]) -> Result<()> {
    let (steps, literals) = (&content[..steps_len], content.slice(steps_len..));
    let base_len = chain.top().length;
    let rebuilds = match delta::decode_ops(steps, base_len, state.len() as u64, literals.len() as u64) {
        Ok(ops) if chain.objects() == base.chain.objects() => {
            delta::rebuilds(&ops, &literals, &base.state, state)
        }
        Ok(ops) => chain.rebuilds(&ops, &literals, state)?,
        Err(_) => false,
    };
    if rebuilds {
        Ok(())
    } else {
        Err(damaged(&"the delta that was just computed", "none; nothing was written"))
    }
}
