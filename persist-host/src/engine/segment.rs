//! Segments: which snapshot a new one is stored against, and when a full one is due. Pure arithmetic.
//!
//! A segment is a full snapshot and the deltas that build on it. To restore a snapshot, its ancestors are read: the
//! chain of deltas down to the full one. A chain of every snapshot would take the fewest bytes and the most reads. So a
//! new snapshot is stored against a lower one of its parent's chain whenever its own delta has grown to the size of the
//! topmost: it then holds again what those that it skips added, and its successors need not read them. The sizes in a
//! chain fall from the bottom to the top, as the runs of a log-structured merge tree do, which keeps it short.
//! `docs/adr/0006-deltas.md` has the figures that the defaults were chosen by.

use serde::Serialize;

/// How the engine lays out segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tuning {
    /// A new delta replaces the topmost of its chain when it has grown to this share of it, in percent: less reads
    /// fewer objects a restore and stores more.
    pub merge_percent: u64,
    /// The most objects that one restore reads, the full snapshot included; at least 2.
    pub restore_objects: usize,
    /// A full snapshot is stored when a chain would take this share of it, in percent.
    pub read_percent: u64,
    /// The most records of a segment, so that damage and erasure have bounded reach.
    pub segment_records: u64,
    /// The most bytes of its ancestors' literals that a delta is compressed with, where the codec can.
    pub prefix_bytes: u64,
    /// The most memory, in bytes, for states that a store keeps to save their successors faster.
    pub cache_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            merge_percent: 200,
            restore_objects: 16,
            read_percent: 150,
            segment_records: 256,
            // The most that a header holds in three bytes.
            prefix_bytes: 0xffff,
            cache_bytes: 256 << 20,
        }
    }
}

impl Tuning {
    /// How many snapshots of the parent's chain, from the full one on, a new snapshot is stored against. `weights` are
    /// what those added, `new` what the new one adds to the parent, both in bytes before compression.
    pub(super) fn base_of(&self, weights: &[u64], new: u64) -> usize {
        let mut kept = weights.len();
        let mut sum = new;
        while kept > 1 && sum.saturating_mul(100) >= weights[kept - 1].saturating_mul(self.merge_percent) {
            sum = sum.saturating_add(weights[kept - 1]);
            kept -= 1;
        }
        let most = self.restore_objects.max(2) - 1;
        if kept > most { cheapest_cut(&weights[..kept]) } else { kept }
    }

    /// Whether a segment has become too large for another record.
    pub(super) fn is_full(&self, records: u64) -> bool {
        records >= self.segment_records
    }

    /// Whether reading a chain of that many stored bytes is no longer worth it beside a full snapshot.
    pub(super) fn reads_too_much(&self, chain_bytes: u64, full_bytes: u64) -> bool {
        chain_bytes.saturating_mul(100) > full_bytes.saturating_mul(self.read_percent)
    }
}

/// Where a chain that is too long is cut so that each object it loses costs the fewest bytes to store again.
fn cheapest_cut(weights: &[u64]) -> usize {
    let mut best = (u64::MAX, 1);
    let mut sum = 0_u64;
    for kept in (1..weights.len()).rev() {
        sum = sum.saturating_add(weights[kept]);
        let each = sum / (weights.len() - kept) as u64;
        if each < best.0 {
            best = (each, kept);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_additions_stack_and_large_ones_merge() {
        let tuning = Tuning::default();
        assert_eq!(tuning.base_of(&[1000], 10), 1);
        assert_eq!(tuning.base_of(&[1000, 10], 10), 2);
        assert_eq!(tuning.base_of(&[1000, 10], 19), 2);
        assert_eq!(tuning.base_of(&[1000, 10], 20), 1);
        assert_eq!(tuning.base_of(&[1000, 50, 10], 20), 2);
        assert_eq!(tuning.base_of(&[1000, 50, 20, 10], 20), 4 - 1);
        // The full snapshot stays, however small it is.
        assert_eq!(tuning.base_of(&[1, 10], 1_000_000), 1);
    }

    #[test]
    fn a_chain_at_its_limit_is_cut_where_that_is_cheapest() {
        let mut weights = vec![1 << 30];
        weights.extend((0..15).map(|at| 1_u64 << (29 - at)));
        weights[12] = 1;
        // The four topmost cost least together; the new one is too small to take them by itself.
        assert_eq!(Tuning::default().base_of(&weights, 1), 15);
        assert_eq!(cheapest_cut(&[100, 5, 1, 1, 9]), 2);
    }

    proptest! {
        #[test]
        fn a_chain_never_exceeds_its_limit(
            sizes in proptest::collection::vec(1_u64..1_000_000, 1..400),
            objects in 2_usize..20,
        ) {
            let tuning = Tuning { restore_objects: objects, ..Tuning::default() };
            let mut weights = vec![1 << 20];
            for new in sizes {
                let kept = tuning.base_of(&weights, new);
                prop_assert!((1..=weights.len()).contains(&kept));
                let merged: u64 = weights[kept..].iter().sum();
                weights.truncate(kept);
                weights.push(merged + new);
                prop_assert!(weights.len() <= objects);
            }
        }
    }
}
