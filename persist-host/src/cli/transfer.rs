//! Moving sessions between stores, for `copy`, `export` and `import`.

use std::pin::pin;

use futures_util::StreamExt as _;
use persist_host::{AgentId, Copied, Error, Result, Selection, SessionId, SessionRef, Store};
use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;
use super::output::{ErrorReport, Output, plain, size};
use super::progress::Progress;

/// Copies the sessions, some at once, and calls `report` as each is done.
pub(crate) async fn copy(
    sessions: &Selection,
    from: &Store,
    to: &Store,
    verify: bool,
    progress: &Progress,
    mut report: impl FnMut(&SessionRef, Result<Copied>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let advance = |_| progress.advance();
    let mut copies = pin!(sessions.copy(from, to, verify, &advance));
    while let Some((session, copied)) = copies.next().await {
        progress.around(|| report(session, copied))?;
    }
    Ok(())
}

/// What was done with each session, as it is shown.
pub(crate) struct Report<'a> {
    output: &'a Output,
    from: &'a str,
    to: &'a str,
    exit: Exit,
}

/// A session's row as JSON carries it.
#[derive(Serialize)]
struct JsonRow<'a> {
    agent_id: &'a AgentId,
    session_id: &'a SessionId,
    from: &'a str,
    to: &'a str,
    result: Option<&'a Copied>,
    error: Option<ErrorReport<'a>>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(output: &'a Output, from: &'a str, to: &'a str) -> Self {
        Self { output, from, to, exit: Exit::Done }
    }

    /// Shows one session. An error does not hide the others.
    pub(crate) fn row(&mut self, session: &SessionRef, copied: Result<Copied>) -> Result<(), Failure> {
        if let Err(error) = &copied {
            self.failed(error);
        }
        if self.output.is_json() {
            return self.output.object(&JsonRow {
                agent_id: &session.agent,
                session_id: &session.session,
                from: self.from,
                to: self.to,
                result: copied.as_ref().ok(),
                error: copied.as_ref().err().map(ErrorReport::new),
            });
        }
        match copied {
            Ok(_) if self.output.is_quiet() => {}
            Ok(copied) => self.output.line(&line(session, &copied))?,
            Err(error) => self.output.error(&error),
        }
        Ok(())
    }

    /// The exit code of it all: that of the first error.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    fn failed(&mut self, error: &Error) {
        if self.exit == Exit::Done {
            self.exit = Exit::of(error.kind());
        }
    }
}

fn line(session: &SessionRef, copied: &Copied) -> String {
    let mut parts = vec![format!("{} copied ({} stored)", copied.copied, size(copied.copied_bytes))];
    if copied.present > 0 {
        parts.push(format!("{} there already", copied.present));
    }
    if copied.deleted > 0 {
        parts.push(format!("{} deleted", copied.deleted));
    }
    let newest = copied.newest.map_or_else(|| "none left".to_owned(), |newest| format!("newest @{newest}"));
    plain(&format!("{session}  {}; {newest}", parts.join(", "))).replace('\n', "\\n")
}
