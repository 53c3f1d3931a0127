//! `persist verify`.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use persist_host::{AgentId, Depth, ErrorKind, SessionId, SnapshotIndex, VerifyRow};
use serde::Serialize;

use super::args::VerifyArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{ErrorReport, Output};
use super::progress::Progress;

pub(crate) async fn run(args: VerifyArgs, context: &Context) -> Outcome {
    let output = context.output();
    let pattern = args.pattern.unwrap_or_default();
    let store = context.store().await?;
    let depth = if args.read_data { Depth::Data } else { Depth::Objects };
    let progress = Progress::counting(output, "verifying");
    let mut rows = pin!(store.verify(&pattern, depth));
    let mut tally = Tally::default();
    while let Some(row) = rows.try_next().await? {
        tally.add(&row);
        progress.around(|| report(&row, output))?;
        progress.advance();
    }
    drop(progress);
    if !output.is_json() && !output.is_quiet() {
        output.line(&tally.to_string())?;
    }
    Ok(tally.exit())
}

/// What the rows so far come to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    intact: u64,
    damaged: u64,
    /// Intact objects of snapshots that build on damaged ones.
    affected: u64,
    /// Objects that nothing says are damaged, and that could not be checked.
    unchecked: u64,
    /// Why the first of those could not.
    unchecked_exit: Option<Exit>,
}

impl Tally {
    pub(crate) fn add(&mut self, row: &VerifyRow) {
        match &row.error {
            None => self.intact += 1,
            Some(error) if error.code() == "ancestor_damaged" => self.affected += 1,
            Some(error) if error.kind() == ErrorKind::Integrity => self.damaged += 1,
            Some(error) => {
                self.unchecked += 1;
                self.unchecked_exit.get_or_insert(Exit::of(error.kind()));
            }
        }
    }

    /// Damage decides; otherwise what could not be checked is a failure of its own.
    pub(crate) fn exit(&self) -> Exit {
        match self.damaged + self.affected {
            0 => self.unchecked_exit.unwrap_or(Exit::Done),
            _ => Exit::Integrity,
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total = self.intact + self.damaged + self.affected + self.unchecked;
        let objects = if total == 1 { "object" } else { "objects" };
        write!(formatter, "checked {total} {objects}: {} intact, {} damaged", self.intact, self.damaged)?;
        match self.affected {
            0 => {}
            affected => write!(formatter, ", {affected} that build on damaged ones")?,
        }
        match self.unchecked {
            0 => Ok(()),
            unchecked => write!(formatter, ", {unchecked} that could not be checked"),
        }
    }
}

/// A row of the report as JSON carries it.
#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    agent_id: &'a AgentId,
    session_id: &'a SessionId,
    snapshot_index: Option<SnapshotIndex>,
    key: &'a str,
    content_length: Option<u64>,
    ok: bool,
    error: Option<ErrorReport<'a>>,
}

fn report(row: &VerifyRow, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.object(&JsonRow {
            agent_id: &row.session.agent,
            session_id: &row.session.session,
            snapshot_index: row.snapshot_index,
            key: &row.key,
            content_length: row.content_length,
            ok: row.error.is_none(),
            error: row.error.as_ref().map(ErrorReport::new),
        });
    }
    if let Some(error) = &row.error {
        output.error(error);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_decides_the_exit_code() {
        let tally = |intact, damaged, affected, unchecked| {
            let unchecked_exit = (unchecked > 0).then_some(Exit::Plugin);
            Tally { intact, damaged, affected, unchecked, unchecked_exit }
        };
        assert_eq!(tally(0, 0, 0, 0).exit(), Exit::Done);
        assert_eq!(tally(3, 0, 0, 1).exit(), Exit::Plugin);
        assert_eq!(tally(3, 2, 0, 1).exit(), Exit::Integrity);
        assert_eq!(tally(3, 0, 1, 1).exit(), Exit::Integrity);
        assert_eq!(tally(1, 0, 0, 0).to_string(), "checked 1 object: 1 intact, 0 damaged");
        assert_eq!(
            tally(3, 2, 4, 1).to_string(),
            "checked 10 objects: 3 intact, 2 damaged, 4 that build on damaged ones, 1 that could not be checked"
        );
    }
}
