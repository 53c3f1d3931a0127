//! `persist prune`, which shows its plan and carries it out only when told to.

mod report;

use std::pin::pin;

use futures_util::StreamExt as _;
use persist_host::retention::{Plan, RetentionError};
use persist_host::{DeleteTarget, Deleted, Error, ErrorKind, Listed, Store, Timestamp};

use super::args::PruneArgs;
use super::context::Context;
use super::failure::{Failure, Outcome};
use super::progress::Progress;
use report::Report;

pub(crate) async fn run(args: PruneArgs, context: &Context) -> Outcome {
    let (_, config) = context.config()?.store(context.store_name().as_deref())?;
    let rules = args.rules(&config.retention);
    // Before the store is opened: without rules there is nothing to open it for.
    if rules.is_empty() {
        return Err(Error::from(RetentionError::NoRules).into());
    }
    let pattern = args.pattern.unwrap_or_default();
    let store = context.store().await?;
    if args.yes {
        let note = "what was deleted stays deleted; run the same command again to go on";
        context.set_interrupt_note(note.to_owned());
    }

    let now = Timestamp::now();
    let mut report = Report::new(context.output(), args.yes);
    let progress = Progress::start(context.output(), "pruning");
    let mut sessions = pin!(store.sessions(&pattern));
    while let Some(session) = sessions.next().await {
        let mut listed = match session {
            Ok(session) => Listed::read(&store, session).await?,
            // What is no session cannot be pruned; the sessions after it can.
            Err(error) if error.kind() == ErrorKind::Integrity => {
                progress.around(|| report.stray(&error));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if listed.is_empty() {
            continue;
        }
        match listed.plan(&rules, now) {
            Ok(plan) => carry_out(&listed, &plan, &store, args.yes, &mut report, &progress).await?,
            Err(error) => progress.around(|| report.refused(&listed, &error))?,
        }
    }
    drop(progress);
    report.finish()
}

/// Shows the plan for one session and, if it is confirmed, deletes what it says.
async fn carry_out(
    listed: &Listed,
    plan: &Plan,
    store: &Store,
    confirmed: bool,
    report: &mut Report<'_>,
    progress: &Progress,
) -> Result<(), Failure> {
    progress.around(|| report.planned(listed, plan))?;
    let result = if !confirmed {
        None
    } else if plan.delete.is_empty() {
        Some(Deleted::default())
    } else {
        let target = DeleteTarget::Indices(plan.delete.iter().copied().collect());
        match store.delete(&listed.session, &target).await {
            Ok(deleted) => Some(deleted),
            Err(error) => {
                // Damage is a matter of this session; a backend that fails would fail the next ones too.
                let is_local = matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible);
                progress.around(|| report.failed(listed, plan, &error, is_local))?;
                return if is_local { Ok(()) } else { Err(error.into()) };
            }
        }
    };
    progress.around(|| report.done(listed, plan, result.as_ref()))
}
