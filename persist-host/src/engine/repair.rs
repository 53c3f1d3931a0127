//! Repairing: what is damaged is copied aside, and what other objects still tell is written anew.
//!
//! Nothing is removed, and an object is written over only if two reads found the same damaged bytes, a copy of them lies
//! in quarantine, and a third read finds them still.

mod evidence;
mod marker;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::Store;
use super::objects::Created;
use crate::observe::Operation;
use crate::{Error, ErrorKind, RefPattern, Result, SessionRef, SnapshotIndex, key};
use evidence::Finding;

/// What a repair found out about one damaged or missing object, and did about it.
#[derive(Debug)]
#[non_exhaustive]
pub struct RepairRow {
    /// The session; `None` for the store marker.
    pub session: Option<SessionRef>,
    /// The object's key.
    pub key: String,
    /// What is wrong with it.
    pub problem: Error,
    /// What can be done about it.
    pub remedy: Remedy,
    /// Whether that was done.
    pub done: bool,
    /// The snapshots that cannot be restored for want of it, as long as no backup brings it back.
    pub lost: Vec<SnapshotIndex>,
    /// Where the damaged bytes were copied to; `None` when there are none, or nothing was to be done yet.
    pub quarantined: Option<String>,
}

/// What can be done about a damaged or missing object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing: what it said is said nowhere else.
    None,
    /// The record is of a rewritten or erased snapshot, and a stub takes its place.
    WriteStub,
    /// A later manifest repeats what it said, and is stored in its place as well.
    WriteManifest,
    /// All objects of the store can be read, so that a new marker says what the old one said.
    WriteMarker,
}

impl Store {
    /// Looks for damaged and missing objects of the sessions that a pattern covers and, if `confirmed`, copies what is
    /// damaged to `quarantine/` and writes anew what can be. Without, it only says so.
    ///
    /// An object counts as damaged when two reads give the same bytes and these are wrong; a fault of a single read leads
    /// to nothing. It may be interrupted and run again. What is intact is not touched.
    ///
    /// A row is an object with a problem. An error in the stream is about one session, if it is
    /// [`ErrorKind::Integrity`] or [`ErrorKind::Incompatible`], and the next ones still come; otherwise the backend failed.
    pub fn repair(
        &self,
        pattern: &RefPattern,
        confirmed: bool,
    ) -> impl Stream<Item = Result<RepairRow>> + Send + use<'_> {
        let operation = self.operation(Operation::Repair, pattern);
        let pattern = pattern.clone();
        let rows = stream::once(async move {
            if confirmed {
                self.check_writable().await?;
            }
            Ok::<_, Error>(match self.examine_marker().await? {
                None => self
                    .sessions_below_pattern(&pattern)
                    .and_then(move |session| self.repair_session(session, confirmed))
                    .map_ok(|rows| stream::iter(rows.into_iter().map(Ok)))
                    .try_flatten()
                    .boxed(),
                Some(finding) => stream::iter(self.repair_marker(finding, confirmed).await?).boxed(),
            })
        })
        .try_flatten();
        operation.rows(rows.boxed())
    }

    async fn repair_session(&self, session: SessionRef, confirmed: bool) -> Result<Vec<RepairRow>> {
        let mut rows = Vec::new();
        for finding in self.findings(&session).await? {
            rows.push(self.treat(Some(&session), finding, confirmed).await?);
        }
        Ok(rows)
    }

    /// Does what can be done about one finding.
    async fn treat(
        &self,
        session: Option<&SessionRef>,
        finding: Finding,
        confirmed: bool,
    ) -> Result<RepairRow> {
        let Finding { key, problem, remedy, replacement, damaged, lost } = finding;
        let mut row = RepairRow {
            session: session.cloned(),
            key,
            problem,
            remedy,
            done: false,
            lost,
            quarantined: None,
        };
        if !confirmed {
            return Ok(row);
        }
        if let Some(damaged) = &damaged {
            row.quarantined = Some(self.quarantine(&row.key, damaged).await?);
        }
        let Some(replacement) = replacement else { return Ok(row) };
        row.done = match damaged {
            None => matches!(self.create(&row.key, replacement).await?, Created::Yes),
            // Somebody else may have repaired it meanwhile; only what was copied aside is written over.
            Some(damaged) if self.read(&row.key).await?.is_some_and(|found| found == damaged) => {
                self.overwrite(&row.key, replacement).await?;
                true
            }
            Some(_) => false,
        };
        Ok(row)
    }

    /// Copies damaged bytes to a key of their own, unless they lie there already; returns that key.
    async fn quarantine(&self, key: &str, damaged: &Bytes) -> Result<String> {
        let mut number = 1_u64;
        loop {
            let aside = format!("{}{key}.{number}", key::quarantine_prefix());
            let created = self.create(&aside, damaged.clone()).await?;
            if let Created::Refused(error) | Created::NotDurable(error) = created {
                let attempt = format!("cannot copy the damaged object {key:?} aside; it was left as it is");
                return Err(Error::from_adapter(attempt, error).with_context("key", aside));
            }
            // What lies there decides, also after an ambiguous outcome.
            match self.read(&aside).await? {
                Some(held) if held == *damaged => return Ok(aside),
                Some(_) => number += 1,
                None => {
                    let message = format!("the copy of the damaged object {key:?} is not there once written");
                    return Err(Error::new(ErrorKind::Other, "backend_failed", message)
                        .with_context("key", aside)
                        .with_hint("the object was left as it is; run the same command again"));
                }
            }
        }
    }
}
