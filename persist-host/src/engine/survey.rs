//! Surveying a session: what occupies each of its indices, segment by segment.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Store;
use super::errors::missing;
use super::head::View;
use super::manifest::Decisions;
use super::objects::Located;
use crate::format::Record;
use crate::{Result, SessionRef, SnapshotIndex, key};

/// How many records are read at once.
const RECORDS_AT_ONCE: usize = 16;

/// A full snapshot or a seal with all records that follow it up to the next one.
pub(super) struct Segment {
    pub(super) records: Vec<Occupant>,
}

/// What occupies an index.
pub(super) struct Occupant {
    pub(super) index: SnapshotIndex,
    pub(super) located: Located,
}

impl Occupant {
    /// Whether nothing that can still be restored lies here.
    pub(super) fn is_dead(&self, decisions: &Decisions) -> bool {
        let seal = matches!(&self.located.record, Record::Mark(mark) if !mark.is_moved());
        seal || !decisions.is_live(self.index)
    }

    /// Whether the record still holds the content of a snapshot.
    pub(super) fn has_content(&self) -> bool {
        matches!(self.located.record, Record::Snapshot(_))
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
}

impl Store {
    /// Reads the record at every index from the boundary to the head. Each is asked for by its key: a listing that
    /// leaves one out must not make it look collected.
    ///
    /// # Errors
    /// A record that is damaged or missing ends the survey: what cannot be read must not be taken for dead.
    pub(super) async fn survey(&self, session: &SessionRef, view: &View) -> Result<Vec<Segment>> {
        let Some(head) = view.head else { return Ok(Vec::new()) };
        let indices = (view.decisions.boundary..=head.get()).filter_map(|n| SnapshotIndex::new(n).ok());
        let mut records = stream::iter(indices)
            .map(|index| async move {
                let key = key::snapshot_key(session, index);
                let located = self.read_record(session, index, &key).await?;
                let located = located.ok_or_else(|| missing(session, index, &key))?;
                Ok::<_, crate::Error>(Occupant { index, located })
            })
            .buffered(RECORDS_AT_ONCE);
        let mut segments: Vec<Segment> = Vec::new();
        while let Some(record) = records.try_next().await? {
            let starts = record.located.record.segment_start() == record.index;
            match segments.last_mut().filter(|_| !starts) {
                Some(segment) => segment.records.push(record),
                None => segments.push(Segment { records: vec![record] }),
            }
        }
        Ok(segments)
    }
}
