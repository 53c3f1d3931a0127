//! Forking: a new session that begins with the state of a snapshot of another.

use super::Store;
use super::commit::Attempt;
use super::head::View;
use super::save::unencodable;
use crate::format::{FORMAT_VERSION, Header, Identity, Origin, SnapshotObject};
use crate::observe::Operation;
use crate::{
    Error, ErrorKind, Result, SessionRef, SnapshotIndex, SnapshotInfo, SnapshotRef, Timestamp, WriteId,
};

impl Store {
    /// Begins a new session with the state of a snapshot, its media type, its description and its labels as they are
    /// now. The new session depends on nothing of the old one, and its first snapshot names where it came from.
    ///
    /// # Errors
    /// As [`Store::restore`] for the source. [`ErrorKind::Conflict`] when the target has or ever had anything;
    /// [`ErrorKind::OutcomeUnknown`] when the backend left open whether the snapshot was stored; otherwise what the
    /// backend or the codec reports.
    pub async fn fork(&self, source: &SnapshotRef, target: &SessionRef) -> Result<SnapshotInfo> {
        let operation = self.operation(Operation::Fork, target);
        let work = async {
            self.open_marker().await?;
            self.check_writable().await?;
            let view = self.read_view(target).await?;
            if view.head.is_some() || view.decisions.seq > 0 {
                return Err(not_new(target));
            }
            let fetched = match source.index {
                None => self.fetch_newest(&source.session).await?,
                Some(index) => self.fetch_named(&source.session, index).await?,
            };
            let (fetched, state) = self.build_state(fetched).await?;
            let now = self.info(&fetched.header, fetched.stored_bytes, &fetched.decisions);
            let old = fetched.header.identity.clone();
            let identity = Identity {
                agent_id: target.agent.clone(),
                session_id: target.session.clone(),
                snapshot_index: SnapshotIndex::FIRST,
                timestamp: Timestamp::now(),
                format_version: FORMAT_VERSION,
                parent: None,
                previous_identity: None,
                // A name is one snapshot's own.
                name: None,
                labels: now.labels,
                forked_from: Some(Origin {
                    session: source.session.clone(),
                    snapshot_index: old.snapshot_index,
                    identity_digest: fetched.header.identity_digest(),
                }),
                ..old
            };
            let body = self.encode_full(&state, SnapshotIndex::FIRST).await?;
            let write_id = WriteId::random();
            let storage = body.storage(write_id, self.options().codec_name.as_deref());
            let (header, object) = Header::new(identity, storage)
                .and_then(|header| {
                    SnapshotObject::encode(&header, body.frames()).map(|object| (header, object))
                })
                .map_err(|error| unencodable(target, SnapshotIndex::FIRST, error))?;
            self.check_size(&object).await?;
            let stored_bytes = object.len() as u64;
            match self.create_record(target, SnapshotIndex::FIRST, write_id, object).await? {
                Attempt::Committed => {
                    let decisions =
                        self.confirm(target, SnapshotIndex::FIRST, write_id, view.decisions).await?;
                    self.remember(target, View::after_save(decisions, &header));
                    Ok(SnapshotInfo::new(&header, stored_bytes, &self.options().storage_name))
                }
                Attempt::Taken { ambiguous: true } => {
                    // Our own record may have been there, committed, deleted and collected since.
                    self.confirm(target, SnapshotIndex::FIRST, write_id, view.decisions).await?;
                    Err(not_new(target))
                }
                Attempt::Earlier | Attempt::Taken { .. } => Err(not_new(target)),
            }
        };
        operation.run(work).await
    }
}

/// A session that a fork may not begin, because it is or was there.
fn not_new(target: &SessionRef) -> Error {
    let message = format!("the session {target} exists or existed; nothing was forked");
    Error::new(ErrorKind::Conflict, "session_exists", message)
        .with_hint("fork into a session that never had a snapshot")
}
