//! What `persist gc` and `persist compact` print.

use persist_host::{AgentId, Collected, Error, SessionId, SessionRef};
use serde::Serialize;

use super::Work;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{ErrorReport, Output, counted, plain, size};

/// Prints results as they come in, and adds up what they come to.
pub(super) struct Report<'a> {
    output: &'a Output,
    work: Work,
    exit: Exit,
    sessions: u64,
    freed_bytes: u64,
    rewritten: u64,
    left: u64,
    unreadable: u64,
    keeps_versions: bool,
}

/// A session as JSON carries it.
#[derive(Serialize)]
struct Row<'a> {
    agent_id: &'a AgentId,
    session_id: &'a SessionId,
    result: Option<&'a Collected>,
    error: Option<ErrorReport<'a>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(output: &'a Output, work: Work) -> Self {
        Self {
            output,
            work,
            exit: Exit::Done,
            sessions: 0,
            freed_bytes: 0,
            rewritten: 0,
            left: 0,
            unreadable: 0,
            keeps_versions: false,
        }
    }

    /// Reports one session. Only those to which something happened, or of which something is left, are news to people.
    pub(super) fn add(
        &mut self,
        session: &SessionRef,
        result: &Result<Collected, Error>,
    ) -> Result<(), Failure> {
        self.sessions += 1;
        match result {
            Ok(collected) => self.add_up(collected),
            Err(error) => self.note_exit(Exit::of(error.kind())),
        }
        if self.output.is_json() {
            return self.output.object(&Row {
                agent_id: &session.agent,
                session_id: &session.session,
                result: result.as_ref().ok(),
                error: result.as_ref().err().map(ErrorReport::new),
            });
        }
        match result {
            Ok(collected) => match sentence(collected) {
                Some(sentence) if !self.output.is_quiet() => {
                    self.output.line(&plain(&format!("{session}: {sentence}")))?;
                }
                _ => {}
            },
            Err(error) => self.output.error(error),
        }
        Ok(())
    }

    /// Reports something in the store that is no session.
    pub(super) fn stray(&mut self, error: &Error) {
        self.note_exit(Exit::of(error.kind()));
        self.output.error(error);
    }

    /// Says what it all comes to, and what to do about what is left.
    pub(super) fn finish(self) -> Outcome {
        if self.output.is_json() || self.output.is_quiet() {
            return Ok(self.exit);
        }
        let sessions = counted(self.sessions, "session");
        let mut total = format!("freed {} of {sessions}", size(self.freed_bytes));
        if self.rewritten > 0 {
            total.push_str(&format!(", {} stored anew", counted(self.rewritten, "snapshot")));
        }
        self.output.line(&total)?;
        if self.left > 0 {
            let left = counted(self.left, "deleted snapshot");
            let why = match self.work {
                Work::Collect => "`persist compact` erases what other snapshots are built on",
                Work::Compact => "records beside them cannot be read; `persist verify` names them",
            };
            self.output.line(&format!("the content of {left} still lies in the store: {why}"))?;
        }
        if self.unreadable > 0 {
            self.output.line(&format!(
                "{} cannot be read, and nothing beside them was removed: `persist verify` names them",
                counted(self.unreadable, "record")
            ))?;
        }
        if self.keeps_versions {
            self.output.line(
                "not erased: the storage keeps old versions of what is removed, until its own rules let go of them",
            )?;
        }
        Ok(self.exit)
    }

    fn add_up(&mut self, collected: &Collected) {
        self.freed_bytes += collected.freed_bytes;
        self.rewritten += collected.rewritten;
        self.left += collected.left;
        self.unreadable += collected.unreadable;
        self.keeps_versions |= collected.storage_keeps_versions;
        if collected.unreadable > 0 {
            self.note_exit(Exit::Integrity);
        }
    }

    /// Damage decides the exit code; otherwise the first error does.
    fn note_exit(&mut self, exit: Exit) {
        if self.exit == Exit::Done || exit == Exit::Integrity {
            self.exit = exit;
        }
    }
}

/// What happened to a session; `None` when nothing did and nothing is left to do.
fn sentence(collected: &Collected) -> Option<String> {
    let mut parts = Vec::new();
    if collected.freed_objects > 0 {
        let objects = counted(collected.freed_objects, "object");
        parts.push(format!("freed {} ({objects})", size(collected.freed_bytes)));
    }
    if collected.rewritten > 0 {
        parts.push(format!("{} stored anew", counted(collected.rewritten, "snapshot")));
    }
    if collected.left > 0 {
        parts.push(format!("{} left", counted(collected.left, "deleted snapshot")));
    }
    if collected.unreadable > 0 {
        parts.push(format!("{} unreadable", counted(collected.unreadable, "record")));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_told() {
        assert_eq!(sentence(&Collected::default()), None);
        let mut collected = Collected::default();
        (collected.freed_bytes, collected.freed_objects) = (2048, 1);
        (collected.rewritten, collected.left, collected.unreadable) = (2, 1, 3);
        assert_eq!(
            sentence(&collected).unwrap(),
            "freed 2.0 KiB (1 object), 2 snapshots stored anew, 1 deleted snapshot left, 3 records unreadable"
        );
    }
}
