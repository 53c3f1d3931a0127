//! Surveying a session: what occupies each of its indices, segment by segment.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Store;
use super::head::View;
use super::manifest::Decisions;
use crate::format::{IndexSet, Record};
use crate::{ErrorKind, Result, SessionRef, SnapshotIndex, key};

/// How many records are read at once.
const RECORDS_AT_ONCE: usize = 16;

/// A full snapshot or a seal with all records that follow it up to the next one.
///
/// Where a record cannot be read, nobody knows whether it begins a segment. It counts as part of the one before it, and
/// so do the records after it up to the next that certainly begins one.
pub(super) struct Segment {
    pub(super) records: Vec<Occupant>,
}

/// What occupies an index.
pub(super) struct Occupant {
    pub(super) index: SnapshotIndex,
    /// `None` when it is damaged or missing.
    pub(super) record: Option<Record>,
}

impl Occupant {
    /// Whether nothing that can still be restored lies here. What cannot be read is not taken for dead.
    pub(super) fn is_dead(&self, decisions: &Decisions) -> bool {
        match &self.record {
            None => false,
            Some(Record::Mark(mark)) if !mark.is_moved() => true,
            Some(_) => !decisions.is_live(self.index),
        }
    }

    /// Whether the content of a snapshot lies here, or where it was rewritten.
    pub(super) fn has_content(&self) -> bool {
        match &self.record {
            None => false,
            Some(Record::Snapshot(_)) => true,
            Some(Record::Mark(mark)) => mark.is_moved(),
        }
    }

    /// Whether the content of a deleted snapshot still lies here, or may do so.
    pub(super) fn is_left(&self, decisions: &Decisions) -> bool {
        let stays = match self.record {
            None => true,
            Some(_) => self.has_content() && !decisions.gone.contains(self.index),
        };
        stays && self.index.get() >= decisions.boundary && !decisions.is_live(self.index)
    }
}

impl Segment {
    pub(super) fn first(&self) -> Option<SnapshotIndex> {
        self.records.first().map(|record| record.index)
    }

    pub(super) fn last(&self) -> Option<SnapshotIndex> {
        self.records.last().map(|record| record.index)
    }

    /// Whether nothing in it can still be restored.
    pub(super) fn is_dead(&self, decisions: &Decisions) -> bool {
        self.records.iter().all(|record| record.is_dead(decisions))
    }

    /// The records that cannot be read.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = SnapshotIndex> {
        self.records.iter().filter(|record| record.record.is_none()).map(|record| record.index)
    }
}

/// The records that cannot be read, of all segments.
pub(super) fn unreadable(segments: &[Segment]) -> IndexSet {
    segments.iter().flat_map(Segment::unreadable).collect()
}

/// How many deleted snapshots' content lies or may lie in the store.
pub(super) fn left(segments: &[Segment], decisions: &Decisions) -> u64 {
    let records = segments.iter().flat_map(|segment| &segment.records);
    records.filter(|record| record.is_left(decisions)).count() as u64
}

impl Store {
    /// Reads the record at every index from the boundary to the head. Each is asked for by its key: a listing that
    /// leaves one out must not make it look collected. `None` when a decision came meanwhile that may have removed what
    /// was not found.
    ///
    /// # Errors
    /// What the backend reports, and a record that only another release can read. One that is damaged or missing is part
    /// of the survey.
    pub(super) async fn survey(&self, session: &SessionRef, view: &View) -> Result<Option<Vec<Segment>>> {
        let Some(head) = view.head else { return Ok(Some(Vec::new())) };
        let indices = (view.decisions.boundary..=head.get()).filter_map(|n| SnapshotIndex::new(n).ok());
        let mut records = stream::iter(indices)
            .map(|index| async move {
                let located = self.read_record(session, index, &key::snapshot_key(session, index)).await;
                match located {
                    Ok(located) => Ok(Occupant { index, record: located.map(|located| located.record) }),
                    Err(error) if error.kind() == ErrorKind::Integrity => {
                        tracing::warn!(%session, %index, "a record cannot be read; its segment is left alone");
                        Ok(Occupant { index, record: None })
                    }
                    Err(error) => Err(error),
                }
            })
            .buffered(RECORDS_AT_ONCE);
        let mut segments: Vec<Segment> = Vec::new();
        while let Some(occupant) = records.try_next().await? {
            let starts =
                occupant.record.as_ref().is_some_and(|record| record.segment_start() == occupant.index);
            match segments.last_mut().filter(|_| !starts) {
                Some(segment) => segment.records.push(occupant),
                None => segments.push(Segment { records: vec![occupant] }),
            }
        }
        if segments.iter().any(|segment| segment.unreadable().next().is_some()) {
            let now = self.read_decisions(session, Some(view.decisions.clone())).await?;
            if now.seq != view.decisions.seq {
                return Ok(None);
            }
        }
        Ok(Some(segments))
    }
}
