//! Copying a session into another store: the same snapshots under the same indices, in that store's own stored form.
//!
//! Deletions go first, so that nothing that was deleted comes to life again in a copy that is continued. Then the records
//! are written in the order of their indices, like those of any writer; what holds no snapshot any more is written as a
//! mark. Whatever an interrupted copy left is a copy of the session's first part, which the next attempt continues.

mod attached;
mod check;
mod decisions;
mod place;
mod state;

use futures_util::future::{join, try_join};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::Store;
use super::errors::{missing, no_session};
use super::head::{HeadRecord, View};
use super::manifest::Decisions;
use super::objects::Located;
use super::verify::Depth;
use crate::format::{IndexSet, Record};
use crate::observe::Operation;
use crate::{Error, ErrorKind, RefPattern, Result, SessionRef, SnapshotIndex, SnapshotRef, key};
pub use check::CheckedCopy;
use decisions::Transferred;
use place::{Placed, find};
pub use state::CopyState;

/// How many records are compared at once.
const RECORDS_AT_ONCE: usize = 16;

/// How often a copy starts again because the session changed in either store.
const COPY_ATTEMPTS: u32 = 64;

/// How a session is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyOptions {
    /// The last snapshot to copy; `None` is the newest.
    pub until: Option<SnapshotIndex>,
    /// Whether to read back and check all that the session's copy is made of.
    pub verify: bool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self { until: None, verify: true }
    }
}

/// What copying one session did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Copied {
    /// The snapshots that were copied.
    pub copied: u64,
    /// The stored bytes of their copies.
    pub copied_bytes: u64,
    /// The length of their states, in bytes.
    pub state_bytes: u64,
    /// The snapshots that the target had already.
    pub present: u64,
    /// The target's snapshots that were deleted, because the source's are.
    pub deleted: u64,
    /// The newest snapshot of the copy; `None` when none is left.
    pub newest: Option<SnapshotIndex>,
    /// The snapshots whose copies were read back and found intact; `None` when that was not asked for.
    pub verified: Option<u64>,
}

impl Store {
    /// Copies a session into another store, or continues a copy: what is there already stays, what was deleted since is
    /// deleted there, and the rest follows. An attachment that an earlier copy wrote gets the source's newest content, and
    /// a label that was ever changed in the source its value there, even if it was changed in the target since. Every state is checked against its hash on the way. `progress` is called
    /// for every snapshot that was copied.
    ///
    /// It may be interrupted and run again, also beside writers of the source. While a copy is first begun, nobody else
    /// may write to that session of the target.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a session or snapshot; [`ErrorKind::Conflict`] when the target's session
    /// holds anything that is not the source's, also an attachment with a content that was attached there; [`ErrorKind::Integrity`] when either cannot be read;
    /// [`ErrorKind::OutcomeUnknown`] when a backend left open what was written; otherwise what the backends or codecs
    /// report. What was copied before an error stays.
    pub async fn copy_session(
        &self,
        to: &Self,
        session: &SessionRef,
        options: CopyOptions,
        progress: &(dyn Fn(SnapshotIndex) + Sync),
    ) -> Result<Copied> {
        let operation = self.operation(Operation::CopySession, session);
        let work = async {
            self.open_marker().await?;
            to.check_writable().await?;
            to.check_marker().await?;
            let mut total = Copied::default();
            for _ in 0..COPY_ATTEMPTS {
                let source = self.read_view(session).await?;
                let head = source.head.ok_or_else(|| no_session(session))?;
                if let Some(index) = options.until {
                    self.show(&SnapshotRef { session: session.clone(), index: Some(index) }).await?;
                }
                let last = options.until.unwrap_or(head);
                let mut copy = Copy {
                    from: self,
                    to,
                    session,
                    progress,
                    source: source.decisions,
                    target: View::default(),
                    erased: IndexSet::new(),
                    newest: None,
                    done: &mut total,
                };
                if !copy.run(head, last).await? {
                    continue;
                }
                let holds_any =
                    copy.target.head.is_some_and(|head| head.get() >= copy.target.decisions.boundary);
                if options.verify {
                    total.verified = Some(if holds_any { to.verify_copy(session).await? } else { 0 });
                }
                return Ok(total);
            }
            let message = format!("the session {session} changes too fast to be copied");
            Err(Error::new(ErrorKind::Unavailable, "session_busy", message).with_hint("try again"))
        };
        operation.run(work).await
    }

    /// Reads back everything that a session is made of.
    async fn verify_copy(&self, session: &SessionRef) -> Result<u64> {
        let pattern = RefPattern {
            agent: Some(session.agent.clone()),
            session: Some(session.session.clone()),
            index: None,
        };
        self.verify(&pattern, Depth::Objects)
            .try_fold(0, |intact, row| async move { row.error.map_or(Ok(intact + 1), Err) })
            .await
    }
}

/// One attempt to copy a session.
struct Copy<'a> {
    from: &'a Store,
    to: &'a Store,
    session: &'a SessionRef,
    progress: &'a (dyn Fn(SnapshotIndex) + Sync),
    /// The source's decisions, as far as they are known.
    source: Decisions,
    /// What is known of the target.
    target: View,
    /// The target's records that stand for deleted snapshots and hold nothing of them.
    erased: IndexSet,
    /// The newest live snapshot in the target.
    newest: Option<SnapshotIndex>,
    done: &'a mut Copied,
}

impl Copy<'_> {
    /// Copies up to `last`, of a source that ends with `head`; `false` when something changed that makes it necessary
    /// to look again.
    async fn run(&mut self, head: SnapshotIndex, last: SnapshotIndex) -> Result<bool> {
        self.to.create_marker().await?;
        self.target = self.to.read_view(self.session).await?;
        if self.target.head.is_some_and(|target| target > head) {
            return Err(self.diverged(self.target.head.unwrap_or(head), "only the target has a record there"));
        }
        self.to.know_head(self.session, &mut self.target).await?;
        if !self.compare().await? || self.transfer_decisions().await? == Transferred::Lost {
            return Ok(false);
        }
        if !self.place_all(last).await? {
            return Ok(false);
        }
        // What was deleted or labelled while the records were copied.
        self.source = self.from.read_decisions(self.session, Some(self.source.clone())).await?;
        if self.source.boundary > self.first_free() {
            return Ok(false);
        }
        self.target.decisions =
            self.to.read_decisions(self.session, Some(self.target.decisions.clone())).await?;
        if self.transfer_decisions().await? == Transferred::Lost {
            return Ok(false);
        }
        self.copy_attachments().await?;
        self.to.remember(self.session, View::new(self.target.decisions.clone(), self.target.head));
        self.done.newest = self.newest.filter(|newest| self.target.decisions.is_live(*newest));
        Ok(true)
    }

    /// Puts the records that the target has not yet, one after the other; each is read while the one before is written.
    async fn place_all(&mut self, last: SnapshotIndex) -> Result<bool> {
        let (from, session) = (self.from, self.session);
        let look = async |index: Option<SnapshotIndex>, decisions: Decisions| match index {
            Some(index) if index <= last => {
                let found = find(from, session, index, decisions).await;
                found.map(|found| Some((index, found))).map_err(|error| uncopied(from, session, index, error))
            }
            _ => Ok(None),
        };
        let first = SnapshotIndex::new(self.first_free()).ok();
        let mut ahead = look(first, self.source.clone()).await;
        while let Some((index, found)) = ahead? {
            let decisions = self.source.clone();
            let (placed, next) = join(self.place(index, found), look(index.next(), decisions)).await;
            match placed? {
                Placed::Snapshot { stored_bytes, state_bytes } => {
                    self.newest = Some(index);
                    self.done.copied += 1;
                    self.done.copied_bytes += stored_bytes;
                    self.done.state_bytes += state_bytes;
                    (self.progress)(index);
                }
                Placed::Mark => {}
                Placed::Changed => return Ok(false),
            }
            ahead = next;
        }
        Ok(true)
    }

    /// Checks that what the target holds is the source's; `false` when the source was collected meanwhile. Identities
    /// are chained, so that one pair that is equal vouches for all before it.
    async fn compare(&mut self) -> Result<bool> {
        let Some(head) = self.target.head else { return Ok(true) };
        let first = self.target.decisions.boundary.max(self.source.boundary);
        let indices = (first..=head.get()).filter_map(|number| SnapshotIndex::new(number).ok());
        let (from, to, session) = (self.from, self.to, self.session);
        let mut pairs = stream::iter(indices)
            .map(|index| async move {
                let key = key::snapshot_key(session, index);
                let pair =
                    try_join(from.read_record(session, index, &key), to.read_record(session, index, &key));
                pair.await.map(|pair| (index, pair))
            })
            .buffered(RECORDS_AT_ONCE);
        let (mut present, mut equal) = (0, 0);
        while let Some((index, (source, target))) = pairs.try_next().await? {
            let key = key::snapshot_key(session, index);
            let target = target.ok_or_else(|| missing(session, index, &key))?;
            let Some(source) = source else {
                self.source = from.read_decisions(session, Some(self.source.clone())).await?;
                if index.get() < self.source.boundary {
                    return Ok(false);
                }
                return Err(missing(session, index, &key));
            };
            if digest_of(&source)? != digest_of(&target)? {
                return Err(self.diverged(index, "the two are different"));
            }
            equal += 1;
            let gone = matches!(&target.record, Record::Mark(mark) if !mark.is_moved());
            let named = matches!(&target.record, Record::Snapshot(header) if header.identity.name.is_some());
            if named && index == head && self.target.decisions.is_live(index) {
                self.claim_name(index).await?;
            }
            if gone {
                self.erased.insert(index);
            } else if self.target.decisions.is_live(index) {
                present += 1;
                self.newest = Some(index);
            }
        }
        if let (0, Some(newest)) = (equal, self.target.newest) {
            let why = "only the target has a record there, and none that both have shows that it is a copy";
            let error = self.diverged(newest, why);
            return Err(error.with_hint("delete the target's session to begin a new copy"));
        }
        // What this very copy has just put there counts as copied.
        self.done.present = present - self.done.copied.min(present);
        Ok(true)
    }

    fn diverged(&self, index: SnapshotIndex, why: &str) -> Error {
        diverged(self.from, self.to, self.session, index, why)
    }
}

/// An error of reading what is to be copied. The rest of the session is not copied either, as long as the snapshot counts; that
/// of one whose deletions cannot be read, never.
fn uncopied(from: &Store, session: &SessionRef, index: SnapshotIndex, error: Error) -> Error {
    let is_decision =
        |(name, value): &(&str, String)| *name == "key" && value.starts_with(&key::manifest_prefix(session));
    if !matches!(error.code(), "object_damaged" | "object_missing") || error.context().iter().any(is_decision)
    {
        return error;
    }
    let store = &from.options().name;
    error.with_context("snapshot", format!("{session}@{index}")).with_hint(format!(
        "bring the object back from a backup of the store {store:?}; or give the snapshot up, to copy the rest of the \
         session: `persist delete {session}@{index} --store {store} --yes`, then `persist repair {session} --store \
         {store} --yes`, then the same command again"
    ))
}

/// A session of the target that is not the source's.
fn diverged(from: &Store, to: &Store, session: &SessionRef, index: SnapshotIndex, why: &str) -> Error {
    let (from, to) = (&from.options().name, &to.options().name);
    let message = format!(
        "the session {session} in the store {to:?} is no copy of the one in {from:?}: at index {index}, {why}"
    );
    Error::new(ErrorKind::Conflict, "copy_diverged", message)
        .with_context("snapshot", format!("{session}@{index}"))
        .with_hint("a session that was written to in the target goes its own way; fork the source's and copy the fork")
}

/// Whether both stores have the same record at an index, which vouches for all before it; `None` where one has none.
async fn same_record(
    from: &Store,
    to: &Store,
    session: &SessionRef,
    index: SnapshotIndex,
) -> Result<Option<bool>> {
    let key = key::snapshot_key(session, index);
    let records = try_join(from.read_record(session, index, &key), to.read_record(session, index, &key));
    match records.await? {
        (Some(source), Some(target)) => Ok(Some(digest_of(&source)? == digest_of(&target)?)),
        _ => Ok(None),
    }
}

/// The digest of what a record is, or stands for.
fn digest_of(located: &Located) -> Result<[u8; 32]> {
    let head = HeadRecord::of(&located.record);
    let what = format!("the record {}@{}", located.record.session(), located.record.snapshot_index());
    head.map(|head| head.identity_digest).map_err(|error| super::errors::unreadable(&what, "", error))
}
