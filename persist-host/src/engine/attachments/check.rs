//! Verifying the attachments of snapshots, as a part of verifying the snapshots.

use std::collections::BTreeMap;

use super::super::Store;
use super::super::verify::{Depth, is_finding};
use crate::{Result, SessionRef, SnapshotIndex, VerifyRow, key};

/// The keys of the attachments of a session, by snapshot.
type AttachmentKeys = BTreeMap<SnapshotIndex, Vec<String>>;

impl Store {
    /// Lists the attachments of a session, or of one snapshot of it, with all their versions.
    pub(in super::super) async fn attachment_keys(
        &self,
        session: &SessionRef,
        only: Option<SnapshotIndex>,
    ) -> Result<AttachmentKeys> {
        let all = key::attachments_prefix(session);
        let prefix = only.map(|index| key::snapshot_attachments_prefix(session, index));
        let mut keys = AttachmentKeys::new();
        for object in self.list_below(prefix.as_ref().unwrap_or(&all)).await? {
            let snapshot = object.key.strip_prefix(&all).and_then(|rest| rest.split('/').next());
            if let Some(index) = snapshot.and_then(key::parse_index) {
                keys.entry(index).or_default().push(object.key);
            }
        }
        Ok(keys)
    }

    /// Checks the attachments of a snapshot that is in order so far. One that is damaged is reported as the snapshot's
    /// damage, with its own key.
    pub(in super::super) async fn check_attachments(
        &self,
        mut row: VerifyRow,
        keys: &AttachmentKeys,
        depth: Depth,
    ) -> Result<VerifyRow> {
        let keys = row.snapshot_index.and_then(|index| keys.get(&index));
        if row.error.is_some() {
            return Ok(row);
        }
        for key in keys.into_iter().flatten() {
            match self.check_attachment(key, depth).await {
                Err(error) if is_finding(&error) => {
                    row.error = Some(error);
                    break;
                }
                checked => checked?,
            }
        }
        Ok(row)
    }

    async fn check_attachment(&self, key: &str, depth: Depth) -> Result<()> {
        // One that has gone since it was listed was replaced, or went with its snapshot.
        let Some(object) = self.load_version(key).await? else { return Ok(()) };
        if depth == Depth::Data {
            self.decode_attachment(key, &object).await?;
        }
        Ok(())
    }
}
