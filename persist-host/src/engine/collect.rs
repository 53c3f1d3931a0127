//! Collecting: freeing the space of deleted snapshots while writers and readers go on.
//!
//! What may go is decided first, in a manifest, and only then removed. So whoever comes later can finish what was
//! begun, and whoever comes from the past finds out that it is too late.

use serde::Serialize;

use super::Store;
use super::commit::Attempt;
use super::errors::unreadable;
use super::head::View;
use super::manifest::{Decided, Decisions};
use super::survey::{Segment, left, unreadable as unreadable_records};
use crate::format::{Mark, MarkKind};
use crate::observe::Operation;
use crate::{Error, ErrorKind, Result, SessionRef, Timestamp, WriteId, key};

/// How often a collection starts again because another decision came first.
pub(super) const DECISION_ATTEMPTS: u32 = 16;

/// What a collection or a compaction did to one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Collected {
    /// Stored bytes that were freed.
    pub freed_bytes: u64,
    /// Objects that were removed, or replaced by a stub.
    pub freed_objects: u64,
    /// Snapshots that were stored anew without the deleted ones that they were built on.
    pub rewritten: u64,
    /// Deleted snapshots whose content still lies in the store, because others are built on it or because it lies in
    /// the newest segment; a compaction erases it.
    pub left: u64,
    /// Records that are damaged or missing. Nothing is removed from the segments that they belong to, or may belong to.
    pub unreadable: u64,
    /// Whether the storage keeps what is removed from it, for example as old versions of objects: then nothing of the
    /// above is erased until the storage itself lets go of it.
    pub storage_keeps_versions: bool,
}

impl Store {
    /// Frees the space of a session's deleted snapshots as far as no other snapshot is built on them. Safe at any time,
    /// beside any number of writers, readers and other collections; it may be interrupted and run again.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a store, [`ErrorKind::Integrity`] when the session's decisions cannot be read,
    /// [`ErrorKind::OutcomeUnknown`] when the backend left a decision open; otherwise what the backend reports. What was
    /// freed before an error stays freed. A snapshot that cannot be read is no error, but counted in
    /// [`Collected::unreadable`].
    pub async fn collect(&self, session: &SessionRef) -> Result<Collected> {
        let operation = self.operation(Operation::Collect, session);
        let work = async {
            self.open_marker().await?;
            self.check_writable().await?;
            for _ in 0..DECISION_ATTEMPTS {
                let view = self.read_view(session).await?;
                let Some(segments) = self.survey(session, &view).await? else { continue };
                if self.must_seal(&view, &segments) {
                    self.put_seal(session, &view).await?;
                    continue;
                }
                let Some(next) = plan(&view.decisions, &segments) else {
                    return self.finish(session, &view, &segments).await;
                };
                if matches!(self.decide(session, &next).await?, Decided::Yes) {
                    let view = View::new(next, view.head);
                    self.remember(session, view.clone());
                    return self.finish(session, &view, &segments).await;
                }
            }
            Err(busy(session))
        };
        operation.run(work).await
    }

    /// Whether everything is deleted but the newest segment still open, so that its content would have to stay.
    fn must_seal(&self, view: &View, segments: &[Segment]) -> bool {
        let all_dead = segments.iter().all(|segment| segment.is_dead(&view.decisions));
        let newest = segments.last().and_then(|segment| segment.records.last());
        all_dead && newest.is_some_and(super::survey::Occupant::has_content)
    }

    async fn finish(&self, session: &SessionRef, view: &View, segments: &[Segment]) -> Result<Collected> {
        let mut collected = self.sweep(session, &view.decisions, unreadable_records(segments)).await?;
        collected.left = left(segments, &view.decisions);
        Ok(collected)
    }

    /// Ends the newest segment by taking the next index, in competition with all writers.
    pub(super) async fn put_seal(&self, session: &SessionRef, view: &View) -> Result<()> {
        let index = view.next_index(session)?;
        let write_id = WriteId::random();
        let seal = Mark {
            session: session.clone(),
            snapshot_index: index,
            timestamp: Timestamp::now(),
            write_id,
            segment_start: index,
            kind: MarkKind::Seal,
        };
        let what = format!("the seal {session}@{index}");
        let object =
            seal.encode().map_err(|error| unreadable(&what, &key::snapshot_key(session, index), error))?;
        // Whoever took the index, the segment before it may have ended or not: the caller looks again.
        match self.create_record(session, index, write_id, object).await? {
            Attempt::Committed | Attempt::Earlier | Attempt::Taken { .. } => Ok(()),
        }
    }
}

/// The decision that frees what can be freed, or nothing to decide.
fn plan(decisions: &Decisions, segments: &[Segment]) -> Option<Decisions> {
    let mut next = decisions.successor();
    let mut boundary = decisions.boundary;
    let mut rest = segments;
    while let [segment, newer @ ..] = rest {
        let Some(start) = segment.first() else { break };
        boundary = boundary.max(start.get());
        if !segment.is_dead(decisions) || newer.is_empty() {
            break;
        }
        rest = newer;
    }
    // What is deleted in the middle cannot be passed by the boundary; stubs take its place.
    let closed = rest.split_last().map_or(&[][..], |(_, closed)| closed);
    let mut gone = Vec::new();
    for segment in closed.iter().filter(|segment| segment.is_dead(decisions)) {
        let content = segment.records.iter().filter(|record| record.has_content());
        gone.extend(content.map(|record| record.index).filter(|index| !decisions.gone.contains(*index)));
        // Where they were rewritten to is given up with them.
        if let (Some(first), Some(last)) = (segment.first(), segment.last()) {
            next.generations.remove_range(first, last);
        }
    }
    if boundary == decisions.boundary && gone.is_empty() {
        return None;
    }
    next.raise_boundary(boundary);
    next.gone.extend(gone);
    Some(next)
}

/// Others decide faster than this process can.
pub(super) fn busy(session: &SessionRef) -> Error {
    let message = format!("the session {session} changes too fast to be collected");
    Error::new(ErrorKind::Unavailable, "session_busy", message).with_hint("try again")
}
