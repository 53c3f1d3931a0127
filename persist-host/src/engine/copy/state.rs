//! How far a copy is: the cheap question of whether there is anything left to copy.

use futures_util::future::try_join;
use serde::Serialize;

use super::decisions::merged;
use super::{diverged, same_record};
use crate::engine::Store;
use crate::engine::head::View;
use crate::engine::manifest::Decisions;
use crate::format::{IndexSet, Record};
use crate::observe::Operation;
use crate::{Result, SessionRef, SnapshotIndex, key};

/// How far the copy of a session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CopyState {
    /// Whether nothing is left to copy: copying would write nothing.
    pub complete: bool,
    /// How many snapshots of the source come after the copy's end. An index that a collection used up may count, too.
    pub missing: u64,
}

impl Store {
    /// Tells how far the copy of a session in another store is, and changes nothing. Of the snapshots only the newest that
    /// both have is looked at, since identities are chained and one that is equal vouches for all before it; of
    /// attachments, headers are compared.
    ///
    /// A session without any record, of which a first save or copy left nothing else, has nothing to copy: it is complete
    /// if the target has none either. That what is there can be read is not checked: that is what [`check_copy`](Self::check_copy) does.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) without such a store; [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when the target's session is no copy of it;
    /// [`ErrorKind::Integrity`](crate::ErrorKind::Integrity) when what is looked at is damaged; otherwise what the
    /// backends report.
    pub async fn copy_state(&self, to: &Self, session: &SessionRef) -> Result<CopyState> {
        let operation = self.operation(Operation::CopyState, session);
        let work = async {
            self.open_marker().await?;
            let (source, target) = try_join(self.read_view(session), to.view_if_any(session)).await?;
            let Some(head) = source.head else {
                return match target.head {
                    None => Ok(CopyState { complete: true, missing: 0 }),
                    Some(end) => Err(diverged(self, to, session, end, "only the target has a record there")),
                };
            };
            let missing = missing(&source.decisions, &target, head);
            let Some(end) = target.head else { return Ok(CopyState { complete: false, missing }) };
            if end > head {
                return Err(diverged(self, to, session, end, "only the target has a record there"));
            }
            if end.get() >= source.decisions.boundary.max(target.decisions.boundary) {
                match same_record(self, to, session, end).await? {
                    Some(true) => {}
                    Some(false) => return Err(diverged(self, to, session, end, "the two are different")),
                    // Collected just now, or damaged: copying finds out.
                    None => return Ok(CopyState { complete: false, missing }),
                }
            }
            let complete = end == head
                && has_decisions(&source.decisions, &target, end)
                && self
                    .different_attachment(to, session, &both_live(&source, &target), false)
                    .await?
                    .is_none()
                && to.has_claim(session, end, &target).await?;
            Ok(CopyState { complete, missing })
        };
        operation.run(work).await
    }

    /// What is known of a session in a store that need not be there yet.
    pub(super) async fn view_if_any(&self, session: &SessionRef) -> Result<View> {
        match self.store_id().await? {
            Some(_) => self.read_view(session).await,
            None => Ok(View::default()),
        }
    }

    /// Whether the source has a record after the end of a copy that was just made.
    pub(crate) async fn goes_on_after(&self, to: &Self, session: &SessionRef) -> Result<bool> {
        let end = match to.remembered(session) {
            Some(view) => view.head,
            None => to.read_view(session).await?.head,
        };
        let next = end.map_or(Some(SnapshotIndex::FIRST), SnapshotIndex::next);
        match next {
            Some(index) => self.object_exists(&key::snapshot_key(session, index)).await,
            None => Ok(false),
        }
    }

    /// Whether the name of the copy's last snapshot is reserved: an interrupted copy may have left it without.
    async fn has_claim(&self, session: &SessionRef, end: SnapshotIndex, view: &View) -> Result<bool> {
        if !view.decisions.is_live(end) {
            return Ok(true);
        }
        let located = self.read_record(session, end, &key::snapshot_key(session, end)).await?;
        let Some(Record::Snapshot(header)) = located.map(|located| located.record) else { return Ok(true) };
        match header.identity.name {
            Some(name) => {
                let claim = self.last_claim(session, &name, 0).await?;
                Ok(claim.is_some_and(|claim| claim.search_from <= end))
            }
            None => Ok(true),
        }
    }
}

/// Which snapshots count in both stores, as far as the copy goes.
pub(super) fn both_live<'a>(
    source: &'a View,
    target: &'a View,
) -> impl Fn(SnapshotIndex) -> bool + Sync + 'a {
    let (one, other) = (&source.decisions, &target.decisions);
    move |index| Some(index) <= target.head && one.is_live(index) && other.is_live(index)
}

/// How many live snapshots of the source come after the target's last record.
fn missing(source: &Decisions, target: &View, head: SnapshotIndex) -> u64 {
    let first = target.head.map_or(0, |head| head.get() + 1).max(source.boundary);
    let indices = (first..=head.get()).filter_map(|number| SnapshotIndex::new(number).ok());
    indices.filter(|index| source.is_live(*index)).count() as u64
}

/// Whether the target holds to all that was decided in the source.
fn has_decisions(source: &Decisions, target: &View, end: SnapshotIndex) -> bool {
    let next = merged(source, target, end.get() + 1, &IndexSet::new());
    next == Decisions { seq: next.seq, ..target.decisions.clone() }
}
