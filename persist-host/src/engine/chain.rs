//! Chains: a snapshot and its ancestors, decoded as far as is needed to build its state or to store another against it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use crate::delta::{self, ComposeError, Op};
use crate::{Error, ErrorKind, Result, SnapshotIndex};

/// One snapshot of a chain.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) index: SnapshotIndex,
    /// The digest in the object's trailer.
    pub(super) digest: [u8; 32],
    /// The stored bytes of the object's frames.
    pub(super) stored_bytes: u64,
    /// The length of the encoded steps and of what they insert, or of the whole state.
    pub(super) weight: u64,
    /// The steps that build the state from the layer before; `None` in a full snapshot.
    pub(super) ops: Option<Vec<Op>>,
    /// What the steps insert, or the whole state.
    pub(super) literals: Bytes,
    /// The state's length.
    pub(super) length: u64,
}

/// A full snapshot and the deltas that lead from it to one snapshot; never empty.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    layers: Vec<Arc<Layer>>,
}

impl Chain {
    /// The chain of a full snapshot.
    pub(super) fn full(layer: Layer) -> Self {
        Self { layers: vec![Arc::new(layer)] }
    }

    /// The chain with one more snapshot, a delta against its last.
    pub(super) fn with(mut self, layer: Layer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// The snapshot that the chain leads to.
    pub(super) fn top(&self) -> &Layer {
        // A chain is built from its first layer, and `cut` leaves that one.
        &self.layers[self.layers.len() - 1]
    }

    /// The full snapshot that it starts from.
    pub(super) fn keyframe(&self) -> &Layer {
        &self.layers[0]
    }

    /// How many objects it takes.
    pub(super) fn objects(&self) -> usize {
        self.layers.len()
    }

    /// The chain of its first `objects` snapshots, at least one.
    pub(super) fn cut(mut self, objects: usize) -> Self {
        self.layers.truncate(objects.max(1));
        self
    }

    /// What each of its snapshots adds, in bytes before compression; the full one first.
    pub(super) fn weights(&self) -> Vec<u64> {
        self.layers.iter().map(|layer| layer.weight).collect()
    }

    /// The stored bytes of all its frames.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.layers.iter().map(|layer| layer.stored_bytes).sum()
    }

    /// The indices of its snapshots, the nearest first: the ancestors of a delta against its last.
    pub(super) fn ancestors(&self) -> Vec<SnapshotIndex> {
        self.layers.iter().rev().map(|layer| layer.index).collect()
    }

    /// The digest over those of its objects, the nearest first.
    pub(super) fn digest(&self) -> [u8; 16] {
        ancestors_digest(self.layers.iter().rev().map(|layer| &layer.digest))
    }

    /// The last `most` bytes of all literals, joined from the full snapshot to the nearest.
    pub(super) fn prefix(&self, most: u64) -> Bytes {
        let mut left = usize::try_from(most).unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        for layer in self.layers.iter().rev() {
            let part = layer.literals.slice(layer.literals.len().saturating_sub(left)..);
            left -= part.len();
            parts.push(part);
            if left == 0 {
                break;
            }
        }
        if let [only] = &parts[..] {
            return only.clone();
        }
        let mut prefix = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
        for part in parts.iter().rev() {
            prefix.extend_from_slice(part);
        }
        prefix.freeze()
    }

    /// Builds the state of its last snapshot. CPU work.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the layers do not fit together, [`ErrorKind::Other`] without enough memory.
    pub(super) fn state(&self) -> Result<Bytes> {
        delta::compose(&delta_layers(&self.layers)).map_err(cannot_build)
    }

    /// Whether `ops` and `literals` make exactly `state` from that of its last snapshot, as a restore would find it.
    /// Compares in place. CPU work.
    ///
    /// # Errors
    /// As [`state`](Chain::state).
    pub(super) fn rebuilds(&self, ops: &[Op], literals: &Bytes, state: &[u8]) -> Result<bool> {
        let mut layers = delta_layers(&self.layers);
        layers.push(delta::Layer { ops: Some(ops), literals, length: state.len() as u64 });
        delta::composes(&layers, state).map_err(cannot_build)
    }

    /// The ops that make a state from that of the first `kept` snapshots, where `ops` make it from that of all; `None`
    /// when there is no short list of them.
    pub(super) fn rebase(&self, kept: usize, ops: &[Op]) -> Option<Vec<Op>> {
        delta::rebase(&delta_layers(self.layers.get(kept..)?), ops)
    }

    /// The memory that its literals and steps take, in bytes.
    pub(super) fn memory(&self) -> usize {
        let ops = |layer: &Layer| layer.ops.as_ref().map_or(0, Vec::len) * size_of::<Op>();
        self.layers.iter().map(|layer| layer.literals.len() + ops(layer)).sum()
    }
}

fn cannot_build(error: ComposeError) -> Error {
    let (kind, code) = match error {
        ComposeError::OutOfMemory { .. } => (ErrorKind::Other, "out_of_memory"),
        ComposeError::Misfit { .. } => (ErrorKind::Integrity, "object_damaged"),
    };
    Error::new(kind, code, "cannot build the state from its stored parts").with_source(error)
}

fn delta_layers(layers: &[Arc<Layer>]) -> Vec<delta::Layer<'_>> {
    let layers = layers.iter().map(|layer| delta::Layer {
        ops: layer.ops.as_deref(),
        literals: &layer.literals,
        length: layer.length,
    });
    layers.collect()
}

/// The digest that a delta holds over those of its ancestors, the nearest first.
pub(super) fn ancestors_digest<'a>(digests: impl Iterator<Item = &'a [u8; 32]>) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for digest in digests {
        hasher.update(digest);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize()[..16]);
    short
}
