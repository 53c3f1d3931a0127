//! Verifying: every byte that belongs to the chosen snapshots is read and checked, down to the restored state.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};

use super::Store;
use super::errors::missing;
use crate::{Error, ErrorKind, RefPattern, Result, SessionRef, SnapshotIndex, VerifyRow, key};

/// How many objects are verified at once; each may take twice its state's size in memory.
const OBJECTS_AT_ONCE: usize = 4;

impl Store {
    /// Verifies the snapshots that a pattern covers, each by restoring it, in the order of [`Store::list`].
    ///
    /// Damage is a row with an error, and the rows after it still come. An error of the stream itself means that the
    /// backend failed, so that nothing is known of what was not reached.
    pub fn verify(&self, pattern: &RefPattern) -> impl Stream<Item = Result<VerifyRow>> + Send + use<'_> {
        let index = pattern.index;
        let named = pattern.session.is_some();
        self.sessions(pattern).map_ok(move |session| self.verify_session(session, index, named)).try_flatten()
    }

    fn verify_session(
        &self,
        session: SessionRef,
        only: Option<SnapshotIndex>,
        named: bool,
    ) -> impl Stream<Item = Result<VerifyRow>> + Send + '_ {
        stream::once(async move {
            let indices = match self.live_indices(&session, only).await {
                Ok(indices) => indices,
                Err(error) => {
                    // A damaged manifest: which snapshots were deleted is not known, so the session as a whole is named.
                    let key =
                        error.context().iter().find(|(name, _)| *name == "key").map(|(_, key)| key.clone());
                    let key = key.unwrap_or_else(|| key::manifest_prefix(&session));
                    let row = row(&session, None, key, Err(error))?;
                    return Ok(stream::iter([Ok(row)]).boxed());
                }
            };
            if indices.is_empty() && named {
                // A person asked for this one: say why there is nothing to verify.
                let reference = crate::SnapshotRef { session, index: only };
                self.show(&reference).await?;
                return Ok(stream::empty().boxed());
            }
            let rows = stream::iter(indices).map(move |index| {
                let session = session.clone();
                async move { self.verify_snapshot(&session, index).await }
            });
            Ok::<_, Error>(rows.buffered(OBJECTS_AT_ONCE).boxed())
        })
        .try_flatten()
    }

    async fn verify_snapshot(&self, session: &SessionRef, index: SnapshotIndex) -> Result<VerifyRow> {
        let key = key::snapshot_key(session, index);
        let checked = match self.read(&key).await? {
            None => Err(missing(session, index, &key)),
            Some(object) => self.verify_object(session, index, &key, object).await,
        };
        row(session, Some(index), key, checked)
    }

    /// Checks one object by decoding it, and that it continues the record before it. Returns the state's length.
    async fn verify_object(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        key: &str,
        object: Bytes,
    ) -> Result<u64> {
        let (header, state) = self.decode_object(session, index, key, object).await?;
        if let (Some(expected), Some(previous)) = (header.identity.previous_identity, index.previous()) {
            let before = self.read_header(session, previous, &key::snapshot_key(session, previous)).await;
            match before {
                Ok(Some(before)) if before.header.identity_digest() != expected => {
                    return Err(broken_chain(session, index, previous, key));
                }
                // A record that is damaged or missing has a row of its own.
                Err(error) if error.kind() != ErrorKind::Integrity => return Err(error),
                _ => {}
            }
        }
        Ok(state.len() as u64)
    }
}

/// A snapshot that is intact in itself and does not continue the one before it.
fn broken_chain(session: &SessionRef, index: SnapshotIndex, previous: SnapshotIndex, key: &str) -> Error {
    let message =
        format!("the snapshot {session}@{index} does not continue the snapshot @{previous} that is stored");
    Error::new(ErrorKind::Integrity, "chain_broken", message)
        .with_context("key", key)
        .with_hint("one of the two was replaced; compare both with a backup of the store")
}

/// A row of the report; an error that is not about the stored bytes ends the report.
fn row(
    session: &SessionRef,
    snapshot_index: Option<SnapshotIndex>,
    key: String,
    checked: Result<u64>,
) -> Result<VerifyRow> {
    let (content_length, error) = match checked {
        Ok(length) => (Some(length), None),
        Err(error)
            if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible | ErrorKind::Plugin) =>
        {
            (None, Some(error))
        }
        Err(error) => return Err(error),
    };
    Ok(VerifyRow { session: session.clone(), snapshot_index, key, content_length, error })
}
