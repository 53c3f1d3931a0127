//! Where a session ends: the search for its newest record.

use persist_plugin_api as plugin;

use super::Store;
use super::errors::unreadable;
use super::manifest::Decisions;
use crate::format::{FormatError, Header, Record};
use crate::{Error, ErrorKind, Result, SessionRef, SnapshotIndex, key};

/// What a process knows of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// The decisions that held.
    pub(super) decisions: Decisions,
    /// The highest occupied index.
    pub(super) head: Option<SnapshotIndex>,
    /// What the head's record says, where it is known.
    pub(super) head_record: Option<HeadRecord>,
    /// The newest live snapshot, once [`Store::know_head`] has looked.
    pub(super) newest: Option<SnapshotIndex>,
    /// Whether it has.
    known: bool,
}

/// What a save needs to know of the record before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadRecord {
    /// The digest of its identity.
    pub(super) identity_digest: [u8; 32],
    /// Where its segment starts; `None` when that segment is closed, so that a delta may not refer to it.
    pub(super) segment_start: Option<SnapshotIndex>,
}

impl HeadRecord {
    /// # Errors
    /// As [`Record::identity_digest`].
    pub(super) fn of(record: &Record) -> Result<Self, FormatError> {
        Ok(match record {
            Record::Snapshot(header) => Self::of_snapshot(header),
            Record::Mark(mark) => Self { identity_digest: mark.identity_digest()?, segment_start: None },
        })
    }

    pub(super) fn of_snapshot(header: &Header) -> Self {
        Self { identity_digest: header.identity_digest(), segment_start: Some(header.storage.segment_start) }
    }
}

impl View {
    /// The index after the head.
    pub(super) fn next_index(&self, session: &SessionRef) -> Result<SnapshotIndex> {
        let next = match self.head {
            None => SnapshotIndex::new(self.decisions.boundary).ok(),
            Some(head) => head.next(),
        };
        next.ok_or_else(|| {
            let message = format!("the session {session} has used up its {} indices", SnapshotIndex::MAX);
            Error::new(ErrorKind::Other, "session_full", message).with_hint("continue in a new session")
        })
    }

    /// A view whose head's record has not been looked at.
    pub(super) fn new(decisions: Decisions, head: Option<SnapshotIndex>) -> Self {
        Self { decisions, head, ..Self::default() }
    }

    /// The same with what is known of the head's record.
    pub(super) fn with_head_record(self, head_record: Option<HeadRecord>) -> Self {
        Self { head_record, ..self }
    }

    /// What this process knows after it saved a snapshot.
    pub(super) fn after_save(decisions: Decisions, header: &Header) -> Self {
        let index = header.identity.snapshot_index;
        // A deletion may have come between the save and its confirmation.
        let known = decisions.is_live(index);
        let head_record = Some(HeadRecord::of_snapshot(header));
        Self { decisions, head: Some(index), head_record, newest: Some(index), known }
    }
}

impl Store {
    /// Finds the head. Every index from the boundary to the head is occupied for ever, so probing upwards from any
    /// occupied index finds it; a listing only shortens the way.
    pub(super) async fn read_view(&self, session: &SessionRef) -> Result<View> {
        let listed = self.list_numbers(&key::snapshot_prefix(session)).await?;
        let hint = listed.last().map(|(number, _)| *number);
        let decisions = self.read_decisions(session, None).await?;
        self.find_head(session, hint, decisions).await
    }

    /// Finds the head from an index that may be occupied.
    pub(super) async fn find_head(
        &self,
        session: &SessionRef,
        mut hint: Option<u64>,
        mut decisions: Decisions,
    ) -> Result<View> {
        loop {
            let head = self.probe_upwards(session, hint, decisions.boundary).await?;
            let (seq, boundary) = (decisions.seq, decisions.boundary);
            decisions = self.read_decisions(session, Some(decisions)).await?;
            if decisions.seq != seq {
                // What was probed may be collected by now, and what came after it is not in the view.
                hint = head.map(SnapshotIndex::get);
                continue;
            }
            return match head {
                None if hint.is_some_and(|hint| hint > boundary) => Err(self.listed_in_vain(session)),
                // Everything below the boundary is gone, so a session without records ends just before it.
                None => {
                    let last = SnapshotIndex::new(boundary).ok().and_then(SnapshotIndex::previous);
                    Ok(View::new(decisions, last))
                }
                head => Ok(View::new(decisions, head)),
            };
        }
    }

    fn listed_in_vain(&self, session: &SessionRef) -> Error {
        let message = format!(
            "the storage of store {:?} lists snapshots of {session} that it cannot read",
            self.options().name
        );
        let cause = plugin::Error::new(plugin::ErrorCode::OTHER, "listed objects are missing");
        Error::from_adapter(message, cause)
    }

    /// The highest occupied index, from the hint or the boundary upwards without a gap.
    async fn probe_upwards(
        &self,
        session: &SessionRef,
        hint: Option<u64>,
        boundary: u64,
    ) -> Result<Option<SnapshotIndex>> {
        // The hint itself is probed too: a listing may show what is not there.
        let mut head = None;
        let mut next = SnapshotIndex::new(hint.unwrap_or(0).max(boundary)).ok();
        while let Some(index) = next {
            if !self.object_exists(&key::snapshot_key(session, index)).await? {
                break;
            }
            head = Some(index);
            next = index.next();
        }
        Ok(head)
    }

    /// Brings a view up to date by probing upwards from where it ended; cheaper than a new search after a conflict.
    pub(super) async fn advance_view(
        &self,
        session: &SessionRef,
        view: View,
        occupied: SnapshotIndex,
    ) -> Result<View> {
        self.find_head(session, Some(occupied.get()), view.decisions).await
    }

    /// Looks at the newest records, as far down as to the newest live snapshot; seals are none.
    pub(super) async fn know_head(&self, session: &SessionRef, view: &mut View) -> Result<()> {
        if view.known {
            return Ok(());
        }
        let mut candidate = view.head;
        while let Some(index) = candidate.filter(|index| index.get() >= view.decisions.boundary) {
            let live = view.decisions.is_live(index);
            let is_head = view.head == Some(index);
            let mut snapshot = true;
            // A rewritten snapshot is one, and needs no look unless the next record is to follow it.
            if is_head || (live && view.decisions.place(index).is_none()) {
                let record = self.newest_record(session, index).await?;
                snapshot = record.is_none_or(|record| record.segment_start.is_some());
                if is_head {
                    view.head_record = record;
                }
            }
            if live && snapshot {
                view.newest = Some(index);
                break;
            }
            candidate = index.previous();
        }
        view.known = true;
        Ok(())
    }

    /// What a record near the head says; `None` when it is damaged, which must not keep an agent from saving on:
    /// `verify` reports it.
    async fn newest_record(&self, session: &SessionRef, index: SnapshotIndex) -> Result<Option<HeadRecord>> {
        let key = key::snapshot_key(session, index);
        let located = match self.read_record(session, index, &key).await {
            Ok(located) => located,
            Err(error) if error.kind() == ErrorKind::Integrity => {
                tracing::warn!(%session, %index, "the record is damaged; the chain starts anew after it");
                None
            }
            Err(error) => return Err(error),
        };
        let record = located.map(|located| HeadRecord::of(&located.record)).transpose();
        record.map_err(|error| unreadable(&format_args!("the record {session}@{index}"), &key, error))
    }
}
