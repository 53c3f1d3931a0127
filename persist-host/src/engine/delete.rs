//! Deleting: a decision that names snapshots, whose objects a later collection removes.

use std::collections::BTreeSet;

use super::Store;
use super::errors::{no_session, no_snapshot};
use super::head::View;
use super::manifest::Decided;
use crate::observe::Operation;
use crate::{DeleteTarget, Deleted, Result, SessionRef, SnapshotIndex};

impl Store {
    /// Deletes snapshots of one session, all or none. They are gone for every reader once this returns, and their
    /// indices are never used again.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), with nothing deleted, when the session or one of the indices
    /// was never written; [`ErrorKind::OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) when the backend left it open;
    /// otherwise what the backend reports.
    pub async fn delete(&self, session: &SessionRef, target: &DeleteTarget) -> Result<Deleted> {
        let operation = self.operation(Operation::Delete, session);
        let work = async {
            self.open_marker().await?;
            self.check_writable().await?;
            loop {
                let view = self.read_view(session).await?;
                let deleted = plan(session, target, &view)?;
                if deleted.deleted.is_empty() {
                    return Ok(deleted);
                }
                let mut next = view.decisions.successor();
                for index in &deleted.deleted {
                    next.deleted.insert(*index);
                }
                match self.decide(session, &next).await? {
                    Decided::Yes => {
                        self.remember(session, View::new(next, view.head));
                        return Ok(deleted);
                    }
                    Decided::Lost => tracing::debug!(%session, "another decision came first"),
                }
            }
        };
        operation.run(work).await
    }
}

/// What a deletion means for a session as it is.
fn plan(session: &SessionRef, target: &DeleteTarget, view: &View) -> Result<Deleted> {
    let head = view.head.ok_or_else(|| no_session(session))?;
    let indices = match target {
        DeleteTarget::Indices(indices) => indices.clone(),
        DeleteTarget::All => {
            let all = view.decisions.boundary..=head.get();
            all.filter_map(|number| SnapshotIndex::new(number).ok()).collect::<BTreeSet<_>>()
        }
    };
    if let Some(beyond) = indices.iter().find(|index| **index > head) {
        return Err(no_snapshot(session, *beyond, head.get()));
    }
    let (deleted, already_deleted) = indices.into_iter().partition(|index| view.decisions.is_live(*index));
    Ok(Deleted { deleted, already_deleted })
}
