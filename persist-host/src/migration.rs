//! Migrating a whole store: every session of it into another, continued where an earlier attempt ended.

mod stop;
mod summary;

use std::future::ready;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::Semaphore;

use stop::Stop;
pub use summary::MigrationSummary;

use crate::selection::SESSIONS_AT_ONCE;
use crate::{CopyOptions, Error, ErrorKind, RefPattern, Result, SessionRef, SnapshotIndex, Store};

/// How many sessions are looked at at once; no more than [`SESSIONS_AT_ONCE`] of them are copied or checked. Rows come in
/// order, so these are also all that memory is taken for.
const LOOKED_AT_ONCE: usize = 16;

/// How often a session that was copied and is found to differ is copied again: what was deleted, labelled or attached in
/// the source meanwhile is a difference, too.
const CHECKS: u32 = 3;

/// How a store is migrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrateOptions {
    /// Whether every session is checked with [`Store::check_copy`], also one that the target had already. Otherwise those
    /// that are copied are read back as [`Store::copy_session`] does.
    pub verify: bool,
    /// Whether nothing is written, and only what would be copied is told.
    pub dry_run: bool,
}

/// What was done about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Migration {
    /// It was copied, or what was missing of it.
    Copied,
    /// The target had all of it already.
    Present,
    /// It would be copied, if this were no dry run.
    Planned,
}

/// A session that was migrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Migrated {
    /// What was done.
    pub migration: Migration,
    /// The snapshots that were copied.
    pub copied: u64,
    /// The stored bytes of their copies.
    pub copied_bytes: u64,
    /// The length of their states, in bytes.
    pub state_bytes: u64,
    /// The target's snapshots that were deleted, because the source's are.
    pub deleted: u64,
    /// The snapshots in the target that were read back and found right; `None` for a session that was not looked into.
    pub verified: Option<u64>,
    /// In a dry run, about how many snapshots would be copied: those after the end of what the target has.
    pub missing: Option<u64>,
    /// Whether the source has snapshots that were saved meanwhile and not copied. Another run copies them.
    pub went_on: bool,
}

/// One row of a migration.
#[derive(Debug)]
#[non_exhaustive]
pub struct MigrationRow {
    /// The session; `None` where the source lists what cannot be told to be one.
    pub session: Option<SessionRef>,
    /// What was done about it. An error does not keep the others from being migrated.
    pub result: Result<Migrated>,
}

impl Store {
    /// Copies all sessions of this store to another, as [`copy_session`](Self::copy_session) does, and gives a row for
    /// each in the order of their keys, as it is done. It may be stopped at any time and run again: a session that is
    /// complete is recognised by [`copy_state`](Self::copy_state), and not read again. `progress` is called for every
    /// snapshot that is copied.
    ///
    /// What this store held when the migration began is migrated; what is saved meanwhile may be. Nothing is written to
    /// this store. In the target nothing is replaced but what the migration keeps up to date: an attachment whose content
    /// came from this store gets this store's, and a label that was ever changed in this store gets its value here, even
    /// if it was changed in the target since. An attachment with a content of the target's own is a conflict. Memory does not grow with the number of sessions. Copies of
    /// damaged objects, which `persist repair` puts aside, are not migrated.
    ///
    /// An error of one session does not keep the others from being migrated. When eight sessions one after the other, in the
    /// order in which they are done, fail because a storage cannot be reached, is full or refuses, so would the rest: the
    /// last of these errors is then the source of one that ends the stream. It has its kind and code and, in its context, the
    /// session that it was about, which has no row. So it is, at once, when the sessions cannot be listed. What was being
    /// copied is interrupted, and the rest not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such store, [`ErrorKind::Usage`] when both are the same one,
    /// [`ErrorKind::InvalidInput`] when nothing may be saved in the target. What is wrong with a session is in its row.
    /// An error in the stream is its last item.
    pub async fn migrate<'a>(
        &'a self,
        to: &'a Self,
        options: MigrateOptions,
        progress: &'a (dyn Fn(SnapshotIndex) + Sync),
    ) -> Result<impl Stream<Item = Result<MigrationRow>> + 'a> {
        let Some(source) = self.store_id().await? else {
            let message = "there is no store to migrate yet";
            return Err(Error::new(ErrorKind::NotFound, "store_not_found", message)
                .with_hint("the first save creates it; `persist config show` says where the store is"));
        };
        if to.store_id().await? == Some(source) {
            let message = format!("both are the same store, with the id {source}");
            return Err(Error::new(ErrorKind::Usage, "migrate_into_itself", message)
                .with_hint("name another store to migrate to; a copy of a store's files is the same store"));
        }
        if !options.dry_run {
            to.check_writable().await?;
        }
        let copies = Semaphore::new(SESSIONS_AT_ONCE);
        let run = Arc::new(Run { from: self, to, options, progress, copies, stop: Stop::default() });
        let sessions = self.sessions(&RefPattern::default()).take_until(run.stop.stopped());
        let of_row = Arc::clone(&run);
        let rows = sessions.map(move |session| {
            let run = Arc::clone(&of_row);
            async move { run.row(session).await }
        });
        let rows = rows.buffered(LOOKED_AT_ONCE).filter_map(|row| ready(row.map(Ok)));
        let end = stream::once(async move { run.stop.take() }).filter_map(|error| ready(error.map(Err)));
        Ok(rows.chain(end))
    }
}

/// A migration that is going on.
struct Run<'a> {
    from: &'a Store,
    to: &'a Store,
    options: MigrateOptions,
    progress: &'a (dyn Fn(SnapshotIndex) + Sync),
    /// Those that may copy or check a session.
    copies: Semaphore,
    /// What keeps it from going on.
    stop: Stop,
}

impl Run<'_> {
    /// The row of a session; `None` for what the migration as a whole ends with or does not come to any more.
    async fn row(&self, session: Result<SessionRef>) -> Option<MigrationRow> {
        let session = match session {
            Ok(session) => session,
            Err(error) if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible) => {
                return Some(MigrationRow { session: None, result: Err(error) });
            }
            Err(error) => {
                self.stop.unlisted(error);
                return None;
            }
        };
        let result = self.stop.unless_stopped(self.migrate(&session)).await?;
        let result = self.stop.note(&session, result)?;
        Some(MigrationRow { session: Some(session), result })
    }

    async fn migrate(&self, session: &SessionRef) -> Result<Migrated> {
        let Self { from, to, options, .. } = self;
        let mut done = Migrated {
            migration: Migration::Present,
            copied: 0,
            copied_bytes: 0,
            state_bytes: 0,
            deleted: 0,
            verified: None,
            missing: None,
            went_on: false,
        };
        let mut diverged = None;
        let mut complete = match from.copy_state(to, session).await {
            Ok(state) => {
                done.missing = options.dry_run.then_some(state.missing);
                state.complete
            }
            // To copy it tells more exactly where the two part.
            Err(error) if error.kind() == ErrorKind::Conflict && !options.dry_run => {
                diverged = Some(error);
                false
            }
            Err(error) => return Err(error),
        };
        if !complete && options.dry_run {
            done.migration = Migration::Planned;
        }
        if options.dry_run || (complete && !options.verify) {
            return Ok(done);
        }
        // It is never closed.
        let _copying = self.copies.acquire().await;
        let mut checks = 0;
        loop {
            if !complete {
                done.migration = Migration::Copied;
                self.copy(session, &mut done).await.map_err(|error| match error.kind() {
                    // There is nothing to copy, only something in the target.
                    ErrorKind::NotFound => diverged.take().unwrap_or(error),
                    _ => error,
                })?;
            }
            if !options.verify {
                return Ok(done);
            }
            checks += 1;
            match from.check_copy(to, session).await {
                Ok(checked) => {
                    done.verified = Some(checked.verified);
                    done.went_on = checked.later > 0;
                    return Ok(done);
                }
                Err(error) if error.code() == "copy_differs" && checks < CHECKS => complete = false,
                Err(error) => return Err(error),
            }
        }
    }

    async fn copy(&self, session: &SessionRef, done: &mut Migrated) -> Result<()> {
        let mut options = CopyOptions::default();
        options.verify = !self.options.verify;
        let copied = self.from.copy_session(self.to, session, options, self.progress).await?;
        done.copied += copied.copied;
        done.copied_bytes += copied.copied_bytes;
        done.state_bytes += copied.state_bytes;
        done.deleted += copied.deleted;
        done.verified = copied.verified;
        if !self.options.verify {
            done.went_on = self.from.goes_on_after(self.to, session).await?;
        }
        Ok(())
    }
}
