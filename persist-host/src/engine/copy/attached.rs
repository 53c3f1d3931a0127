//! Copying what belongs to snapshots beside their records: attachments, and the claims to names.

use std::collections::BTreeSet;

use super::Copy;
use crate::{ErrorKind, Result, SnapshotIndex, key};

impl Copy<'_> {
    /// Copies the attachments of the snapshots that are live in both stores, as far as they are not there yet.
    pub(super) async fn copy_attachments(&self) -> Result<()> {
        let Some(head) = self.target.head else { return Ok(()) };
        let prefix = key::attachments_prefix(self.session);
        let listed = self.from.list_below(&prefix).await?;
        let attached: BTreeSet<SnapshotIndex> = listed
            .iter()
            .filter_map(|object| key::parse_index(object.key.strip_prefix(&prefix)?.split('/').next()?))
            .filter(|index| *index <= head)
            .filter(|index| self.source.is_live(*index) && self.target.decisions.is_live(*index))
            .collect();
        for index in attached {
            unless_deleted(self.from.copy_attachments(self.to, self.session, index).await)?;
        }
        Ok(())
    }

    /// Reserves the name of a snapshot that was copied. An attempt that was interrupted may have left its last snapshot
    /// without.
    pub(super) async fn claim_name(&self, index: SnapshotIndex) -> Result<()> {
        unless_deleted(self.to.claim_name(self.session, index).await)
    }
}

/// A snapshot that was deleted just now needs nothing more.
fn unless_deleted<T>(result: Result<T>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other.map(drop),
    }
}
