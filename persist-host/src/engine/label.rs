//! Labelling: changes to the labels of snapshots, kept in the manifest, since a snapshot itself never changes.

use std::collections::BTreeMap;

use super::Store;
use super::manifest::Decided;
use crate::format::{Header, LabelChanges};
use crate::observe::Operation;
use crate::{Error, ErrorKind, Result, SessionRef, SnapshotIndex, SnapshotInfo, SnapshotRef};

/// The most bytes of changed labels that one session may have: every manifest after them holds them again.
const CHANGES_BYTES: usize = 1 << 20;

/// What one changed label takes beside its name and value, about.
const OVERHEAD_BYTES: usize = 16;

impl Store {
    /// Changes the labels of a live snapshot: `Some` sets a value, `None` removes the label. Changes that say what holds
    /// already write nothing. The snapshot is the newest one if the reference has no index.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the snapshot does not exist or was deleted, [`ErrorKind::InvalidInput`] when the
    /// session's changed labels would take more than 1 MiB, [`ErrorKind::OutcomeUnknown`] when the backend left it open;
    /// otherwise what the backend reports.
    pub async fn label(
        &self,
        reference: &SnapshotRef,
        changes: BTreeMap<String, Option<String>>,
    ) -> Result<SnapshotInfo> {
        let operation = self.operation(Operation::Label, reference);
        let work = async {
            self.open_marker().await?;
            self.check_writable().await?;
            let session = &reference.session;
            let index = self.resolve(reference).await?;
            loop {
                let live = self.find_live(session, index).await?;
                let mut next = live.decisions.successor();
                overlay(&mut next.labels, index, &live.header, &changes);
                if next.labels != live.decisions.labels {
                    check_size(session, &next.labels)?;
                    if matches!(self.decide(session, &next).await?, Decided::Lost) {
                        tracing::debug!(%session, "another decision came first");
                        continue;
                    }
                }
                return Ok(self.info(&live.header, live.stored_bytes, &next));
            }
        };
        operation.run(work).await
    }
}

/// Adds changes to those that a snapshot has. One that says what the snapshot was born with needs no record.
fn overlay(
    labels: &mut LabelChanges,
    index: SnapshotIndex,
    header: &Header,
    changes: &BTreeMap<String, Option<String>>,
) {
    let mut changed = labels.remove(&index).unwrap_or_default();
    changed.extend(changes.iter().map(|(name, value)| (name.clone(), value.clone())));
    let born = &header.identity.labels;
    changed.retain(|name, value| value.as_ref() != born.get(name));
    if !changed.is_empty() {
        labels.insert(index, changed);
    }
}

fn check_size(session: &SessionRef, labels: &LabelChanges) -> Result<()> {
    let changes = labels.values().flatten();
    let bytes: usize = changes
        .map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len) + OVERHEAD_BYTES)
        .sum();
    if bytes <= CHANGES_BYTES {
        return Ok(());
    }
    let message = format!(
        "the changed labels of the session {session} would take {bytes} bytes, at most {CHANGES_BYTES} are allowed; \
         nothing was changed"
    );
    Err(Error::new(ErrorKind::InvalidInput, "too_many_labels", message)
        .with_hint("labels that a snapshot is saved with do not count"))
}
