//! `persist delete`.

use std::collections::{BTreeMap, BTreeSet};

use persist_host::{DeleteTarget, Error, ErrorKind, Result, SessionRef, SnapshotIndex, SnapshotRef};
use serde::Serialize;

use super::args::DeleteArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};

pub(crate) async fn run(args: DeleteArgs, context: &Context) -> Outcome {
    let plan = plan(&args)?;
    if !args.yes {
        return Err(unconfirmed(&plan).into());
    }
    let store = context.store().await?;
    let mut report = Report::default();
    for (session, target) in &plan {
        match store.delete(session, target).await {
            Ok(result) => {
                report.deleted.extend(rows(session, &result.deleted));
                report.already_deleted.extend(rows(session, &result.already_deleted));
            }
            Err(error) => {
                // Sessions before this one are done, and their deletion cannot be undone: say so first.
                if !report.is_empty() {
                    report.print(context)?;
                }
                return Err(error.into());
            }
        }
    }
    report.print(context)?;
    Ok(Exit::Done)
}

/// What the arguments ask for, by session.
fn plan(args: &DeleteArgs) -> Result<BTreeMap<SessionRef, DeleteTarget>> {
    if args.all {
        return match args.references.as_slice() {
            [SnapshotRef { session, index: None }] => {
                Ok(BTreeMap::from([(session.clone(), DeleteTarget::All)]))
            }
            _ => {
                let message = "--all takes one session, written AGENT/SESSION without an index";
                Err(Error::new(ErrorKind::Usage, "usage", message))
            }
        };
    }
    let mut sessions: BTreeMap<SessionRef, BTreeSet<SnapshotIndex>> = BTreeMap::new();
    for reference in &args.references {
        let Some(index) = reference.index else {
            let message = format!("{reference} names no snapshot to delete");
            return Err(Error::new(ErrorKind::Usage, "index_missing", message).with_hint(format!(
                "write {reference}@INDEX, or delete every snapshot of the session with --all"
            )));
        };
        sessions.entry(reference.session.clone()).or_default().insert(index);
    }
    Ok(sessions.into_iter().map(|(session, indices)| (session, DeleteTarget::Indices(indices))).collect())
}

fn unconfirmed(plan: &BTreeMap<SessionRef, DeleteTarget>) -> Error {
    let what: Vec<String> = plan
        .iter()
        .flat_map(|(session, target)| match target {
            DeleteTarget::All => vec![format!("every snapshot of {session}")],
            DeleteTarget::Indices(indices) => {
                indices.iter().map(|index| format!("{session}@{index}")).collect()
            }
        })
        .collect();
    let message = format!("this would delete {} for good; nothing was deleted", what.join(", "));
    Error::new(ErrorKind::Usage, "confirmation_needed", message).with_hint("confirm with --yes")
}

/// What was deleted.
#[derive(Debug, Default, Serialize)]
struct Report {
    deleted: Vec<Row>,
    already_deleted: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    agent_id: String,
    session_id: String,
    snapshot_index: SnapshotIndex,
    #[serde(skip)]
    reference: String,
}

fn rows<'a>(session: &'a SessionRef, indices: &'a [SnapshotIndex]) -> impl Iterator<Item = Row> + use<'a> {
    indices.iter().map(move |index| Row {
        agent_id: session.agent.to_string(),
        session_id: session.session.to_string(),
        snapshot_index: *index,
        reference: format!("{session}@{index}"),
    })
}

impl Report {
    fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.already_deleted.is_empty()
    }

    fn print(&self, context: &Context) -> Result<(), Failure> {
        let output = context.output();
        if output.is_json() {
            return output.object(self);
        }
        if output.is_quiet() {
            return Ok(());
        }
        for row in &self.deleted {
            output.line(&format!("deleted {}", row.reference))?;
        }
        for row in &self.already_deleted {
            output.line(&format!("{} was deleted before", row.reference))?;
        }
        if self.is_empty() {
            output.line("there was nothing to delete")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(references: &[&str], all: bool) -> DeleteArgs {
        let references = references.iter().map(|text| text.parse().unwrap()).collect();
        DeleteArgs { references, all, yes: false }
    }

    #[test]
    fn the_confirmation_names_everything() {
        let plan = plan(&args(&["b/s@3", "a/s@2", "b/s@1"], false)).unwrap();
        assert_eq!(
            unconfirmed(&plan).to_string(),
            "this would delete a/s@2, b/s@1, b/s@3 for good; nothing was deleted"
        );
        let plan = super::plan(&args(&["a/s"], true)).unwrap();
        assert!(unconfirmed(&plan).to_string().contains("every snapshot of a/s"));
    }

    #[test]
    fn an_index_is_mandatory_and_all_takes_none() {
        for (references, all) in
            [(&["a/s"][..], false), (&["a/s@1", "a/t"], false), (&["a/s@1"], true), (&["a/s", "a/t"], true)]
        {
            assert_eq!(plan(&args(references, all)).unwrap_err().kind(), ErrorKind::Usage, "{references:?}");
        }
    }
}
