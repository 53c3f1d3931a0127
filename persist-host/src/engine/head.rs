//! Where a session ends: the search for its newest record.

use persist_plugin_api as plugin;

use super::Store;
use super::manifest::Decisions;
use crate::{Error, ErrorKind, Result, SessionRef, SnapshotIndex, key};

/// What a process knows of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// The decisions that held.
    pub(super) decisions: Decisions,
    /// The highest occupied index.
    pub(super) head: Option<SnapshotIndex>,
    /// The digest of the head's identity, where it is known.
    pub(super) head_identity: Option<[u8; 32]>,
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

    /// The newest snapshot that was not deleted.
    pub(super) fn newest(&self) -> Option<SnapshotIndex> {
        let mut index = self.head;
        while let Some(candidate) = index {
            if candidate.get() < self.decisions.boundary {
                return None;
            }
            if self.decisions.is_live(candidate) {
                return Some(candidate);
            }
            index = candidate.previous();
        }
        None
    }
}

impl Store {
    /// Finds the head. Every index from the boundary to the head is occupied for ever, so probing upwards from any
    /// occupied index finds it; a listing only shortens the way.
    pub(super) async fn read_view(&self, session: &SessionRef) -> Result<View> {
        let listed = self.list_numbers(&key::snapshot_prefix(session)).await?;
        let mut hint = listed.last().map(|(number, _)| *number);
        let mut decisions = self.read_decisions(session, None).await?;
        loop {
            let head = self.probe_upwards(session, hint, decisions.boundary).await?;
            // The boundary may have passed the result meanwhile; then what was probed says nothing.
            let confirmed = self.read_decisions(session, Some(decisions)).await?;
            if head.is_none_or(|head| head.get() + 1 >= confirmed.boundary) {
                return Ok(View { decisions: confirmed, head, head_identity: None });
            }
            decisions = confirmed;
            hint = None;
        }
    }

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
        if head.is_none() && hint.is_some_and(|hint| hint > boundary) {
            let message = format!(
                "the storage of store {:?} lists snapshots of {session} that it cannot read",
                self.options().name
            );
            let cause = plugin::Error::new(plugin::ErrorCode::OTHER, "listed objects are missing");
            return Err(Error::from_adapter(message, cause));
        }
        // Everything below the boundary is gone, so a session without records ends just before it.
        Ok(head.or_else(|| SnapshotIndex::new(boundary).ok().and_then(SnapshotIndex::previous)))
    }

    /// Brings a view up to date by probing upwards from where it ended; cheaper than a new search after a conflict.
    pub(super) async fn advance_view(
        &self,
        session: &SessionRef,
        view: View,
        occupied: SnapshotIndex,
    ) -> Result<View> {
        let head = self.probe_upwards(session, Some(occupied.get()), view.decisions.boundary).await?;
        let decisions = self.read_decisions(session, Some(view.decisions)).await?;
        Ok(View { decisions, head, head_identity: None })
    }
}
