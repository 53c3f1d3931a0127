//! `persist stats`.

use std::pin::pin;

use futures_util::StreamExt as _;
use persist_host::{AgentId, Error, ErrorKind, SessionId, SessionRef, SessionStats};
use serde::Serialize;

use super::args::StatsArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{ErrorReport, Output, plain, size};
use super::progress::Progress;

/// How many sessions are counted at once.
const SESSIONS_AT_ONCE: usize = 4;

pub(crate) async fn run(args: StatsArgs, context: &Context) -> Outcome {
    let pattern = args.pattern.unwrap_or_default();
    let is_named = pattern.session.is_some();
    let store = context.store().await?;
    let progress = Progress::counting(context.output(), "counting sessions");
    let mut report = Report::new(context.output());
    let store = &store;
    let counted = store.sessions_to_show(&pattern).map(|session| async move {
        let session = session?;
        let stats = store.stats(&session).await;
        Ok::<_, Error>((session, stats))
    });
    let mut counted = pin!(counted.buffered(SESSIONS_AT_ONCE));
    while let Some(item) = counted.next().await {
        match item {
            Ok((session, Ok(stats))) if is_named && stats.objects == 0 => {
                let message = format!("the session {session} does not exist");
                return Err(Error::new(ErrorKind::NotFound, "session_not_found", message).into());
            }
            Ok((session, stats)) => progress.around(|| report.add(&session, stats))?,
            Err(error) if error.kind() == ErrorKind::Integrity => {
                progress.around(|| report.failed(None, &error))?;
            }
            Err(error) => return Err(error.into()),
        }
        progress.advance();
    }
    drop(progress);
    report.finish()
}

/// Prints sessions as they are counted, after an agent's last session the agent, and in the end all together.
struct Report<'a> {
    output: &'a Output,
    exit: Exit,
    agent: Option<(AgentId, Total)>,
    total: Total,
    agents: u64,
    headed: bool,
}

/// The sum over some sessions.
#[derive(Clone, Debug, Default)]
struct Total {
    sessions: u64,
    stats: SessionStats,
}

/// A line of JSON. What it is about is told by which ids it has.
#[derive(Serialize)]
struct Row<'a> {
    agent_id: Option<&'a AgentId>,
    session_id: Option<&'a SessionId>,
    sessions: u64,
    #[serde(flatten)]
    stats: &'a SessionStats,
    ratio: Option<f64>,
}

#[derive(Serialize)]
struct FailedRow<'a> {
    agent_id: &'a AgentId,
    session_id: &'a SessionId,
    error: ErrorReport<'a>,
}

impl<'a> Report<'a> {
    fn new(output: &'a Output) -> Self {
        Self { output, exit: Exit::Done, agent: None, total: Total::default(), agents: 0, headed: false }
    }

    fn add(&mut self, session: &SessionRef, stats: Result<SessionStats, Error>) -> Result<(), Failure> {
        let stats = match stats {
            Ok(stats) => stats,
            Err(error) if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible) => {
                return self.failed(Some(session), &error);
            }
            Err(error) => return Err(error.into()),
        };
        if self.agent.as_ref().is_none_or(|(agent, _)| *agent != session.agent) {
            self.finish_agent()?;
            self.agent = Some((session.agent.clone(), Total::default()));
        }
        if stats.unreadable > 0 {
            self.exit = Exit::Integrity;
        }
        self.total.add(&stats);
        if let Some((_, total)) = &mut self.agent {
            total.add(&stats);
        }
        self.print(Some(&session.agent), Some(&session.session), &Total { sessions: 1, stats })
    }

    /// Reports a session that cannot be counted, or something in the store that is no session.
    fn failed(&mut self, session: Option<&SessionRef>, error: &Error) -> Result<(), Failure> {
        let exit = Exit::of(error.kind());
        if self.exit == Exit::Done || exit == Exit::Integrity {
            self.exit = exit;
        }
        match session {
            Some(session) if self.output.is_json() => self.output.object(&FailedRow {
                agent_id: &session.agent,
                session_id: &session.session,
                error: ErrorReport::new(error),
            }),
            _ => {
                self.output.error(error);
                Ok(())
            }
        }
    }

    fn finish(mut self) -> Outcome {
        self.finish_agent()?;
        if self.total.sessions == 0 && self.exit == Exit::Done && !self.output.is_json() {
            self.output.note("there are no sessions");
        } else if self.output.is_json() || self.total.sessions > 0 {
            let total = std::mem::take(&mut self.total);
            self.print(None, None, &total)?;
        }
        Ok(self.exit)
    }

    fn finish_agent(&mut self) -> Result<(), Failure> {
        match self.agent.take() {
            Some((agent, total)) => self.print(Some(&agent), None, &total),
            None => Ok(()),
        }
    }

    fn print(
        &mut self,
        agent: Option<&AgentId>,
        session: Option<&SessionId>,
        total: &Total,
    ) -> Result<(), Failure> {
        let stats = &total.stats;
        if self.output.is_json() {
            return self.output.object(&Row {
                agent_id: agent,
                session_id: session,
                sessions: total.sessions,
                stats,
                ratio: ratio(stats),
            });
        }
        let what = match (agent, session) {
            (Some(agent), Some(session)) => SessionRef::new(agent.clone(), session.clone()).to_string(),
            (Some(agent), None) => {
                self.agents += 1;
                format!("{agent}: {} sessions", total.sessions)
            }
            _ => format!("total: {} sessions", total.sessions),
        };
        // Beside a single session or agent, its sum is no news.
        let repeats = match (agent, session) {
            (_, Some(_)) => false,
            (Some(_), None) => total.sessions == 1,
            _ => self.agents == 1,
        };
        if repeats {
            return Ok(());
        }
        self.heads()?;
        let ratio = ratio(stats).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}"));
        let deleted = match stats.deleted_snapshots {
            0 => String::new(),
            deleted => format!("  {deleted} deleted ({})", size(stats.deleted_bytes)),
        };
        let unreadable = match stats.unreadable {
            0 => String::new(),
            unreadable => format!("  {unreadable} unreadable"),
        };
        let line = format!(
            "{what:<32}  {:>9}  {:>8}  {:>10}  {:>10}  {ratio:>6}{deleted}{unreadable}",
            stats.snapshots,
            stats.segments,
            size(stats.raw_bytes),
            size(stats.stored_bytes),
        );
        self.output.line(&plain(&line))
    }

    fn heads(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.headed, true) || self.output.is_quiet() {
            return Ok(());
        }
        self.output.line(&format!(
            "{:<32}  {:>9}  {:>8}  {:>10}  {:>10}  {:>6}  NOTE",
            "SESSION", "SNAPSHOTS", "SEGMENTS", "SIZE", "STORED", "RATIO"
        ))
    }
}

impl Total {
    fn add(&mut self, stats: &SessionStats) {
        self.sessions += 1;
        let sum = &mut self.stats;
        sum.snapshots += stats.snapshots;
        sum.raw_bytes += stats.raw_bytes;
        sum.stored_bytes += stats.stored_bytes;
        sum.objects += stats.objects;
        sum.deleted_snapshots += stats.deleted_snapshots;
        sum.deleted_bytes += stats.deleted_bytes;
        sum.segments += stats.segments;
        sum.unreadable += stats.unreadable;
    }
}

/// How many times longer the states are than what is stored.
fn ratio(stats: &SessionStats) -> Option<f64> {
    (stats.stored_bytes > 0).then(|| stats.raw_bytes as f64 / stats.stored_bytes as f64)
}
