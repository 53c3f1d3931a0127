//! `persist repair`, which shows what it would do and does it only when told to.

use std::pin::pin;

use futures_util::StreamExt as _;
use persist_host::{AgentId, ErrorKind, Remedy, RepairRow, SessionId, SnapshotIndex};
use serde::Serialize;

use super::args::RepairArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{ErrorReport, Output};
use super::progress::Progress;

pub(crate) async fn run(args: RepairArgs, context: &Context) -> Outcome {
    let output = context.output();
    let pattern = args.pattern.unwrap_or_default();
    let store = context.store().await?;
    if args.yes {
        let note = "nothing was removed; run the same command again to go on";
        context.set_interrupt_note(note.to_owned());
    }
    let progress = Progress::start(output, "examining");
    let mut tally = Tally::default();
    let mut rows = pin!(store.repair(&pattern, args.yes));
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => {
                tally.add(&row);
                progress.around(|| report(&row, args.yes, output))?;
            }
            // A session that cannot be judged; a backend that fails would fail the next ones too.
            Err(error) if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible) => {
                tally.exit.get_or_insert(Exit::of(error.kind()));
                progress.around(|| output.error(&error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    drop(progress);
    if !output.is_json() && !output.is_quiet() {
        output.line(&tally.summary(args.yes))?;
    }
    Ok(tally.exit())
}

/// What the rows so far come to.
#[derive(Debug, Default)]
struct Tally {
    damaged: u64,
    repairable: u64,
    repaired: u64,
    lost: u64,
    /// That of the first session that could not be judged.
    exit: Option<Exit>,
}

impl Tally {
    fn add(&mut self, row: &RepairRow) {
        self.damaged += 1;
        self.repairable += u64::from(row.remedy != Remedy::None);
        self.repaired += u64::from(row.done);
        self.lost += row.lost.len() as u64;
    }

    /// Whatever is still damaged is the same to a script as it is for `verify`.
    fn exit(&self) -> Exit {
        if self.damaged > self.repaired { Exit::Integrity } else { self.exit.unwrap_or(Exit::Done) }
    }

    fn summary(&self, confirmed: bool) -> String {
        if self.damaged == 0 {
            return "nothing is damaged or missing".to_owned();
        }
        let Self { damaged, repairable, repaired, lost, .. } = self;
        let objects = if *damaged == 1 { "object is" } else { "objects are" };
        let outcome = if confirmed {
            format!("{repaired} repaired")
        } else {
            format!("{repairable} can be repaired; confirm with --yes")
        };
        match lost {
            0 => format!("{damaged} {objects} damaged or missing, {outcome}"),
            // One snapshot may be lost to several objects.
            _ => format!("{damaged} {objects} damaged or missing, {outcome}; snapshots are lost"),
        }
    }
}

/// A row of the report as JSON carries it.
#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    agent_id: Option<&'a AgentId>,
    session_id: Option<&'a SessionId>,
    key: &'a str,
    error: ErrorReport<'a>,
    remedy: Remedy,
    done: bool,
    lost: &'a [SnapshotIndex],
    quarantined: Option<&'a str>,
}

fn report(row: &RepairRow, confirmed: bool, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.object(&JsonRow {
            agent_id: row.session.as_ref().map(|session| &session.agent),
            session_id: row.session.as_ref().map(|session| &session.session),
            key: &row.key,
            error: ErrorReport::new(&row.problem),
            remedy: row.remedy,
            done: row.done,
            lost: &row.lost,
            quarantined: row.quarantined.as_deref(),
        });
    }
    output.error(&row.problem);
    let what = match row.remedy {
        Remedy::WriteStub => "a stub in its place",
        Remedy::WriteManifest => "what a later manifest repeats in its place",
        Remedy::WriteMarker => "a new marker",
        _ => "nothing: no other object says what it said",
    };
    let tense = match (row.remedy, row.done, confirmed) {
        (Remedy::None, ..) => "can write",
        (_, true, _) => "wrote",
        (_, false, false) => "would write",
        (_, false, true) => "did not write, since it had changed by then,",
    };
    output.line(&format!("{}: {tense} {what}", row.key))?;
    if let Some(aside) = &row.quarantined {
        output.line(&format!("  a copy of what is damaged lies in {aside}"))?;
    }
    if let (Some(session), false) = (&row.session, row.lost.is_empty()) {
        let lost: Vec<String> = row.lost.iter().map(|index| format!("{session}@{index}")).collect();
        output.line(&format!("  lost without a backup: {}", lost.join(", ")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_damaged_decides_the_exit_code() {
        let tally =
            |damaged, repairable, repaired, lost| Tally { damaged, repairable, repaired, lost, exit: None };
        assert_eq!(tally(0, 0, 0, 0).exit(), Exit::Done);
        assert_eq!(tally(0, 0, 0, 0).summary(false), "nothing is damaged or missing");
        assert_eq!(tally(2, 2, 2, 0).exit(), Exit::Done);
        assert_eq!(tally(2, 2, 2, 0).summary(true), "2 objects are damaged or missing, 2 repaired");
        assert_eq!(tally(1, 1, 0, 0).exit(), Exit::Integrity);
        assert_eq!(
            tally(1, 1, 0, 0).summary(false),
            "1 object is damaged or missing, 1 can be repaired; confirm with --yes"
        );
        assert_eq!(tally(3, 1, 1, 4).exit(), Exit::Integrity);
        assert!(tally(3, 1, 1, 4).summary(true).ends_with("1 repaired; snapshots are lost"));
        let unjudged = Tally { exit: Some(Exit::Failure), ..Tally::default() };
        assert_eq!(unjudged.exit(), Exit::Failure);
    }
}
