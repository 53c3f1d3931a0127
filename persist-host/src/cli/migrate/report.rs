//! What a migration did, as it is shown.

use std::time::Duration;

use persist_host::{AgentId, MigrateOptions, Migrated, Migration, MigrationRow, MigrationSummary, SessionId};
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::{ErrorReport, Output, counted, plain, size};

/// The rows so far, and what they come to.
pub(super) struct Report<'a> {
    output: &'a Output,
    from: &'a str,
    to: &'a str,
    sums: MigrationSummary,
    exit: Exit,
}

/// A session's row as JSON carries it.
#[derive(Serialize)]
struct JsonRow<'a> {
    agent_id: Option<&'a AgentId>,
    session_id: Option<&'a SessionId>,
    from: &'a str,
    to: &'a str,
    result: Option<&'a Migrated>,
    error: Option<ErrorReport<'a>>,
}

/// The last line in JSON.
#[derive(Serialize)]
struct JsonSummary<'a> {
    from: &'a str,
    to: &'a str,
    summary: &'a MigrationSummary,
    stopped: bool,
    elapsed_ms: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(output: &'a Output, from: &'a str, to: &'a str) -> Self {
        Self { output, from, to, sums: MigrationSummary::default(), exit: Exit::Done }
    }

    /// Shows one row. An error does not hide the others.
    pub(super) fn row(&mut self, row: &MigrationRow) -> Result<(), Failure> {
        self.sums.add(row);
        let error = row.result.as_ref().err();
        if let (Exit::Done, Some(error)) = (self.exit, error) {
            self.exit = Exit::of(error.kind());
        }
        if self.output.is_json() {
            return self.output.object(&JsonRow {
                agent_id: row.session.as_ref().map(|session| &session.agent),
                session_id: row.session.as_ref().map(|session| &session.session),
                from: self.from,
                to: self.to,
                result: row.result.as_ref().ok(),
                error: error.map(ErrorReport::new),
            });
        }
        match (&row.result, &row.session) {
            (Err(error), _) => self.output.error(error),
            (Ok(migrated), Some(session)) if !self.output.is_quiet() => {
                self.output.line(&plain(&format!("{session}  {}", line(migrated))).replace('\n', "\\n"))?;
            }
            (Ok(_), _) => {}
        }
        Ok(())
    }

    /// Shows what it comes to, or came to when it was `stopped`.
    pub(super) fn summary(
        &self,
        options: MigrateOptions,
        stopped: bool,
        elapsed: Duration,
    ) -> Result<(), Failure> {
        let Self { output, from, to, sums, .. } = self;
        if output.is_json() {
            let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            return output.object(&JsonSummary { from, to, summary: sums, stopped, elapsed_ms });
        }
        if output.is_quiet() {
            return Ok(());
        }
        output.line(&format!("{}; {:.1} s", total(sums, options), elapsed.as_secs_f64()))?;
        if sums.went_on_sessions > 0 {
            let sessions = counted(sums.went_on_sessions, "session");
            output.note(&format!(
                "{sessions} of the store {from:?} had snapshots saved meanwhile; the same command copies those, too"
            ));
        }
        Ok(())
    }

    /// The exit code of it all: that of the first error.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }
}

fn line(migrated: &Migrated) -> String {
    let mut parts = Vec::new();
    match migrated.migration {
        Migration::Present => parts.push("there already".to_owned()),
        Migration::Planned => match migrated.missing.unwrap_or(0) {
            0 => parts.push("would be brought up to date".to_owned()),
            missing => parts.push(format!("{} would be copied", counted(missing, "snapshot"))),
        },
        Migration::Copied if migrated.copied == 0 => parts.push("brought up to date".to_owned()),
        Migration::Copied => {
            parts.push(format!("{} copied ({} stored)", migrated.copied, size(migrated.copied_bytes)));
        }
    }
    if migrated.deleted > 0 {
        parts.push(format!("{} deleted", migrated.deleted));
    }
    if let Some(verified) = migrated.verified {
        parts.push(format!("{verified} verified"));
    }
    if migrated.went_on {
        parts.push("more was saved meanwhile".to_owned());
    }
    parts.join(", ")
}

fn total(sums: &MigrationSummary, options: MigrateOptions) -> String {
    let mut parts = vec![counted(sums.sessions, "session")];
    let failed = (sums.failed_sessions > 0).then(|| format!("{} failed", sums.failed_sessions));
    if options.dry_run {
        parts.push(format!("{} to copy", sums.planned_sessions));
        parts.push(format!("{} there already", sums.present_sessions));
        parts.extend(failed);
        return format!("{}; {} would be copied", parts.join(", "), counted(sums.missing, "snapshot"));
    }
    parts.push(format!("{} copied", sums.copied_sessions));
    parts.push(format!("{} there already", sums.present_sessions));
    parts.extend(failed);
    format!(
        "{}; {} copied ({} of states, {} stored), {} deleted, {} verified",
        parts.join(", "),
        counted(sums.copied, "snapshot"),
        size(sums.state_bytes),
        size(sums.copied_bytes),
        sums.deleted,
        sums.verified
    )
}
