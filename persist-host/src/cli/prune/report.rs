//! What `persist prune` shows.

use std::collections::{BTreeMap, BTreeSet};

use persist_host::retention::{Candidate, Plan, Reason};
use persist_host::{AgentId, Deleted, Error, Listed, SessionId, SnapshotIndex, Timestamp};
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{ErrorReport, Output, counted, plain, size};

/// Prints plans as they are made and results as they come in, and adds up what they come to.
pub(super) struct Report<'a> {
    output: &'a Output,
    confirmed: bool,
    exit: Exit,
    is_empty: bool,
    /// What the plans delete, or what was deleted once they are confirmed.
    snapshots: usize,
    sessions: usize,
    bytes: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(output: &'a Output, confirmed: bool) -> Self {
        Self { output, confirmed, exit: Exit::Done, is_empty: true, snapshots: 0, sessions: 0, bytes: 0 }
    }

    /// Shows a plan to people, before anything is deleted. Machines get it with its result, as one object.
    pub(super) fn planned(&mut self, listed: &Listed, plan: &Plan) -> Result<(), Failure> {
        self.is_empty = false;
        if self.output.is_json() {
            return Ok(());
        }
        let session = &listed.session;
        let (keep, delete) = (plan.keep.len(), plan.delete.len());
        let bytes = size(plan.delete_bytes);
        self.line(&format!("{session}: keep {keep}, delete {delete} ({bytes})"))?;
        let reasons: BTreeMap<SnapshotIndex, &[Reason]> =
            plan.keep.iter().map(|kept| (kept.index, kept.reasons.as_slice())).collect();
        for snapshot in &listed.snapshots {
            let reference = format!("{session}@{}", snapshot.index);
            let (verb, note) = match reasons.get(&snapshot.index) {
                Some(reasons) => ("keep", joined(reasons)),
                None => ("delete", size(snapshot.stored_bytes)),
            };
            // To the second: the rest is for machines.
            let time = snapshot.timestamp.to_string();
            let time =
                time.split_once('.').map_or_else(|| time.clone(), |(seconds, _)| format!("{seconds}Z"));
            self.line(&format!("  {verb:<6}  {reference:<32}  {time:<20}  {note}"))?;
        }
        Ok(())
    }

    /// Reports what became of a plan; `None` when it was not confirmed.
    pub(super) fn done(
        &mut self,
        listed: &Listed,
        plan: &Plan,
        result: Option<&Deleted>,
    ) -> Result<(), Failure> {
        let gone: BTreeSet<SnapshotIndex> =
            result.map_or(&plan.delete, |result| &result.deleted).iter().copied().collect();
        let count = gone.len();
        let sizes = listed.snapshots.iter().filter(|snapshot| gone.contains(&snapshot.index));
        self.bytes += sizes.map(|snapshot| snapshot.stored_bytes).sum::<u64>();
        self.snapshots += count;
        self.sessions += usize::from(count > 0);
        if self.output.is_json() {
            return self.output.object(&Row::new(listed, Some(plan), result, None));
        }
        match result {
            Some(result) if !self.output.is_quiet() && !plan.delete.is_empty() => {
                let before = match result.already_deleted.len() {
                    0 => String::new(),
                    earlier => format!("; somebody else had deleted {earlier} by then"),
                };
                self.line(&format!("  deleted {}{before}", counted(count as u64, "snapshot")))
            }
            _ => Ok(()),
        }
    }

    /// Reports a session for which there is no plan.
    pub(super) fn refused(&mut self, listed: &Listed, error: &Error) -> Result<(), Failure> {
        self.is_empty = false;
        self.note_exit(error);
        if self.output.is_json() {
            return self.output.object(&Row::new(listed, None, None, Some(error)));
        }
        self.output.error(error);
        Ok(())
    }

    /// Reports a plan that could not be carried out. An error that ends the command is told by whoever ends it.
    pub(super) fn failed(
        &mut self,
        listed: &Listed,
        plan: &Plan,
        error: &Error,
        goes_on: bool,
    ) -> Result<(), Failure> {
        self.note_exit(error);
        if self.output.is_json() {
            return self.output.object(&Row::new(listed, Some(plan), None, Some(error)));
        }
        if goes_on {
            self.output.error(error);
        }
        Ok(())
    }

    /// Reports an object that cannot be read and belongs to no session that was shown.
    pub(super) fn stray(&mut self, error: &Error) {
        self.note_exit(error);
        self.output.error(error);
    }

    /// Says what it all comes to.
    pub(super) fn finish(self) -> Outcome {
        if self.output.is_json() || self.output.is_quiet() {
            return Ok(self.exit);
        }
        let snapshots = counted(self.snapshots as u64, "snapshot");
        let sessions = counted(self.sessions as u64, "session");
        let what = format!("{snapshots} of {sessions} ({})", size(self.bytes));
        if self.is_empty {
            if self.exit == Exit::Done {
                self.output.note("there are no snapshots");
            }
        } else if self.confirmed {
            self.line(&format!("deleted {what}"))?;
        } else if self.snapshots == 0 {
            self.line("there is nothing to delete")?;
        } else {
            self.line(&format!("would delete {what}; nothing was deleted; run again with --yes"))?;
        }
        Ok(self.exit)
    }

    /// Damage decides the exit code; otherwise the first error does.
    fn note_exit(&mut self, error: &Error) {
        let exit = Exit::of(error.kind());
        if self.exit == Exit::Done || exit == Exit::Integrity {
            self.exit = exit;
        }
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        self.output.line(&plain(text).replace('\n', "\\n"))
    }
}

/// A session as JSON carries it.
#[derive(Serialize)]
struct Row<'a> {
    agent_id: &'a AgentId,
    session_id: &'a SessionId,
    keep: Option<Vec<Snapshot<'a>>>,
    delete: Option<Vec<Snapshot<'a>>>,
    delete_bytes: Option<u64>,
    result: Option<&'a Deleted>,
    error: Option<ErrorReport<'a>>,
}

#[derive(Serialize)]
struct Snapshot<'a> {
    snapshot_index: SnapshotIndex,
    timestamp: Timestamp,
    stored_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<&'a [Reason]>,
}

impl<'a> Row<'a> {
    fn new(
        listed: &'a Listed,
        plan: Option<&'a Plan>,
        result: Option<&'a Deleted>,
        error: Option<&'a Error>,
    ) -> Self {
        let known: BTreeMap<SnapshotIndex, &Candidate> =
            listed.snapshots.iter().map(|snapshot| (snapshot.index, snapshot)).collect();
        let snapshot = |index: &SnapshotIndex, reasons| {
            known.get(index).map(|candidate| Snapshot {
                snapshot_index: candidate.index,
                timestamp: candidate.timestamp,
                stored_bytes: candidate.stored_bytes,
                reasons,
            })
        };
        Self {
            agent_id: &listed.session.agent,
            session_id: &listed.session.session,
            keep: plan.map(|plan| {
                plan.keep.iter().filter_map(|kept| snapshot(&kept.index, Some(&kept.reasons[..]))).collect()
            }),
            delete: plan.map(|plan| plan.delete.iter().filter_map(|index| snapshot(index, None)).collect()),
            delete_bytes: plan.map(|plan| plan.delete_bytes),
            result,
            error: error.map(ErrorReport::new),
        }
    }
}

fn joined(reasons: &[Reason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
