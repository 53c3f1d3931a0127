//! `persist gc` and `persist compact`: freeing and erasing what was deleted, session by session.

mod report;

use std::pin::pin;

use futures_util::StreamExt as _;
use persist_host::{Collected, Error, ErrorKind, Result, SessionRef, Store};

use super::args::CollectArgs;
use super::context::Context;
use super::failure::Outcome;
use super::progress::Progress;
use report::Report;

/// What is done to each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Frees what no other snapshot is built on.
    Collect,
    /// Erases the rest too.
    Compact,
}

pub(crate) async fn run(args: CollectArgs, work: Work, context: &Context) -> Outcome {
    let pattern = args.pattern.unwrap_or_default();
    let is_named = pattern.session.is_some();
    let store = context.store().await?;
    context.set_interrupt_note("what was freed stays freed; run the same command again to go on".to_owned());
    let mut report = Report::new(context.output(), work);
    let progress = Progress::counting(context.output(), work.activity());
    let mut sessions = pin!(store.sessions(&pattern));
    while let Some(session) = sessions.next().await {
        match session {
            Ok(session) => {
                let result = collect(&store, &session, work, is_named).await;
                progress.around(|| report.add(&session, &result))?;
                progress.advance();
            }
            // What is no session cannot be collected; the sessions after it can.
            Err(error) if error.kind() == ErrorKind::Integrity => progress.around(|| report.stray(&error)),
            Err(error) => return Err(error.into()),
        }
    }
    drop(progress);
    report.finish()
}

async fn collect(store: &Store, session: &SessionRef, work: Work, is_named: bool) -> Result<Collected> {
    let collected = match work {
        Work::Collect => store.collect(session).await?,
        Work::Compact => store.compact(session).await?,
    };
    // Somebody who mistypes a session that is to be erased must not be told that all is well.
    if is_named && collected.freed_objects == 0 && store.stats(session).await?.objects == 0 {
        let message = format!("the session {session} does not exist");
        return Err(Error::new(ErrorKind::NotFound, "session_not_found", message)
            .with_hint("`persist stats` shows the sessions of the store"));
    }
    Ok(collected)
}

impl Work {
    fn activity(self) -> &'static str {
        match self {
            Self::Collect => "collecting sessions",
            Self::Compact => "compacting sessions",
        }
    }
}
