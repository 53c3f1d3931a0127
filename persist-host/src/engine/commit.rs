//! Committing: creating one record at one index, and finding out how that ended.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;

use super::Store;
use super::errors::unknown_save;
use super::manifest::{AMBIGUOUS_ATTEMPTS, Decisions};
use super::marker::Presence;
use super::objects::Created;
use crate::format::{PrefixParse, Record};
use crate::{Error, ErrorKind, Result, SessionRef, SnapshotIndex, WriteId, key};

/// The pause before an ambiguous creation is tried again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// How an attempt at one index ended.
pub(super) enum Attempt {
    Committed,
    /// The record was stored by an earlier attempt with the same write id, in other bytes: its timestamp, at least, is
    /// another one.
    Earlier,
    /// Another writer's record holds the index. `ambiguous`: an attempt before was left open by the adapter.
    Taken {
        ambiguous: bool,
    },
}

impl Store {
    /// Creates a record in a store that this process knows from before, and looks meanwhile whether it is still there: it
    /// would otherwise go on in storage that was emptied or replaced, where nothing that it saves can be restored.
    pub(super) async fn create_in_known_store(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        write_id: WriteId,
        object: Bytes,
    ) -> Result<Attempt> {
        let (attempt, presence) =
            join(self.create_record(session, index, write_id, object), self.presence()).await;
        let attempt = attempt?;
        match presence {
            Ok(Presence::Same) => Ok(attempt),
            Ok(Presence::Gone(found)) => {
                self.forget(session);
                let error = self.replaced(&found);
                if !matches!(attempt, Attempt::Committed) {
                    return Err(error);
                }
                // There it belongs to nothing, and whoever uses what is there now would find it damaged.
                let key = key::snapshot_key(session, index);
                Err(match self.remove(&key).await {
                    Ok(()) => error,
                    Err(left) => error.with_context("left", key).with_context("removal", left),
                })
            }
            Err(error) => Err(unknown_save(session, index, write_id, None).with_source(error)),
        }
    }

    /// Creates the record and, whenever the adapter leaves the outcome open, reads it back: who wrote it is decided by
    /// the write id that is stored, never by what the adapter answered.
    pub(super) async fn create_record(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        write_id: WriteId,
        object: Bytes,
    ) -> Result<Attempt> {
        let key = key::snapshot_key(session, index);
        let mut open = None;
        let mut pause = FIRST_PAUSE;
        for attempt in 0..AMBIGUOUS_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            match self.create(&key, object.clone()).await? {
                Created::Yes => return Ok(Attempt::Committed),
                Created::Refused(error) if open.is_none() => {
                    let attempt = format!("cannot save the snapshot {session}@{index}");
                    return Err(Error::from_adapter(attempt, error).with_context("key", &key));
                }
                Created::Exists => {}
                Created::NotDurable(error) => {
                    return Err(unknown_save(session, index, write_id, Some(error)));
                }
                Created::Ambiguous(error) | Created::Refused(error) => {
                    tracing::debug!(%key, %error, "reading back after an ambiguous outcome");
                    open = Some(error);
                }
            }
            match self.read_record(session, index, &key).await {
                Ok(Some(found)) if found.record.write_id() == write_id => {
                    let is_this = is_same(&object, &found.record);
                    return Ok(if is_this { Attempt::Committed } else { Attempt::Earlier });
                }
                Ok(Some(_)) => return Ok(Attempt::Taken { ambiguous: open.is_some() }),
                Ok(None) => {}
                // Occupied by something unreadable: certainly not by what was just sent, unless it was never certain.
                Err(error) if open.is_none() && error.kind() == ErrorKind::Integrity => {
                    return Ok(Attempt::Taken { ambiguous: false });
                }
                Err(error) => {
                    return Err(unknown_save(session, index, write_id, open).with_context("read_back", error));
                }
            }
        }
        Err(unknown_save(session, index, write_id, open))
    }

    /// After what lies at the index was read: that says who took it only if no collection has passed it meanwhile.
    pub(super) async fn confirm(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        write_id: WriteId,
        known: Decisions,
    ) -> Result<Decisions> {
        let confirmed = self.read_decisions(session, Some(known)).await;
        match confirmed {
            Ok(decisions) if index.get() >= decisions.boundary => Ok(decisions),
            Ok(_) => {
                self.forget(session);
                Err(unknown_save(session, index, write_id, None))
            }
            Err(error) => Err(unknown_save(session, index, write_id, None).with_source(error)),
        }
    }

    /// Makes sure that the record of an earlier attempt lasts, which that attempt may not have been able to do: asked to
    /// create what is there already, an adapter answers only when it is durable.
    pub(super) async fn settle(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        write_id: WriteId,
    ) -> Result<()> {
        let key = key::snapshot_key(session, index);
        let Some(object) = self.read(&key).await? else {
            return Err(unknown_save(session, index, write_id, None));
        };
        match self.create(&key, object).await? {
            Created::Exists | Created::Yes => Ok(()),
            Created::NotDurable(error) | Created::Ambiguous(error) | Created::Refused(error) => {
                Err(unknown_save(session, index, write_id, Some(error)))
            }
        }
    }
}

/// Whether a record is the object that was sent, or the stub that took its place.
fn is_same(sent: &[u8], found: &Record) -> bool {
    let Ok(PrefixParse::Complete { record: sent, .. }) = Record::parse_prefix(sent) else { return false };
    let stub = matches!(found, Record::Mark(mark) if !mark.is_seal());
    sent == *found
        || stub && matches!((sent.identity_digest(), found.identity_digest()), (Ok(a), Ok(b)) if a == b)
}
