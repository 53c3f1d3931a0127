//! Transferring decisions: what is deleted in the source is deleted in the target.

use super::Copy;
use crate::engine::head::View;
use crate::engine::manifest::{Decided, Decisions};
use crate::format::IndexSet;
use crate::{Result, SnapshotIndex, key};

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transferred {
    /// The target holds to the source's decisions.
    Done,
    /// Another decision came first.
    Lost,
}

impl Copy<'_> {
    /// Makes the source's decisions the target's too, as far as its records go. A target that ends before the source
    /// begins starts anew where the source does.
    pub(super) async fn transfer_decisions(&mut self) -> Result<Transferred> {
        let view = &self.target;
        let free = self.first_free();
        let next = merged(&self.source, view, free, &self.erased);
        if next == (Decisions { seq: next.seq, ..view.decisions.clone() }) {
            return Ok(Transferred::Done);
        }
        if matches!(self.to.decide(self.session, &next).await?, Decided::Lost) {
            return Ok(Transferred::Lost);
        }
        let newly = (view.decisions.boundary..free)
            .filter_map(|number| SnapshotIndex::new(number).ok())
            .filter(|index| view.decisions.is_live(*index) && !next.is_live(*index))
            .filter(|index| !self.erased.contains(*index));
        self.done.deleted += newly.count() as u64;
        let mut head = view.head;
        if let Ok(free) = SnapshotIndex::new(free)
            && next.boundary > free.get()
        {
            head = SnapshotIndex::new(next.boundary).ok().and_then(SnapshotIndex::previous);
            // Whoever saved here meanwhile was not told of the new beginning; that must not stay unnoticed.
            if self.to.object_exists(&key::snapshot_key(self.session, free)).await? {
                return Err(self.diverged(free, "another program saved while the copy was begun"));
            }
        }
        let head_record = view.head_record.filter(|_| head == view.head);
        self.target = View::new(next, head).with_head_record(head_record);
        Ok(Transferred::Done)
    }

    /// The target's first free index; one more than there can be when it is full.
    pub(super) fn first_free(&self) -> u64 {
        self.target.head.map_or(self.target.decisions.boundary, |head| head.get() + 1)
    }
}

/// The target's decisions, and what the source has decided on the target's records. `free` is the target's first free
/// index: what lies beyond is not decided on, because it may yet become somebody else's.
pub(super) fn merged(source: &Decisions, target: &View, free: u64, erased: &IndexSet) -> Decisions {
    let mut next = target.decisions.successor();
    if source.boundary > free {
        next.raise_boundary(source.boundary);
        return next;
    }
    // The target has segments of its own, so the boundary is for its own collection to move.
    let collected = next.boundary..source.boundary;
    next.deleted.extend(collected.filter_map(|number| SnapshotIndex::new(number).ok()));
    let held = next.boundary..free;
    next.deleted.extend(source.deleted.iter().filter(|index| held.contains(&index.get())));
    let erased: Vec<SnapshotIndex> =
        erased.iter().filter(|index| held.contains(&index.get()) && next.deleted.contains(*index)).collect();
    next.gone.extend(erased);
    for (index, changes) in source.labels.iter().filter(|(index, _)| held.contains(&index.get())) {
        let own = next.labels.entry(*index).or_default();
        own.extend(changes.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    next
}
