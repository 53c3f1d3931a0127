//! The audit trail: an append-only file of JSON lines that says who did what to which snapshot, and when.
//!
//! Each record holds the SHA-256 of the line before it, so that a changed, inserted or removed line breaks the chain for
//! everybody who knows a later one. Whoever can write the file can also write all of it anew: keep the [`Head`] that
//! [`verify`] reports somewhere else, and give it to the next verification, which then also finds a trail that was cut
//! short or replaced. `docs/audit.md` has the records' schema.

mod append;
mod record;
mod verify;

use std::path::PathBuf;
use std::time::Duration;

pub use record::{Head, InvalidHead, Record, User};
pub use verify::{Audited, verify};

use crate::observe::{Observer, Outcome, Subject};
use crate::{Error, ErrorKind, Result};

/// Which operations are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recorded {
    /// All of them, so that the trail also says who read what.
    #[default]
    All,
    /// Those that may change a store.
    Changes,
}

/// What a trail is made of: the table `audit` of a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// The file. Its directory must exist.
    pub file: PathBuf,
    /// Who acts, in the user's own terms, beside the operating system's user.
    pub principal: Option<String>,
    /// Which operations are recorded.
    pub recorded: Recorded,
    /// Whether a record is made durable before the operation that it is about returns.
    pub sync: bool,
}

/// A trail that operations are recorded in. Any number of processes may record in the same file.
///
/// An operation is refused before it begins if the file cannot be opened for appending. If the record of one that was
/// carried out cannot be written, that is logged as an error, and the next operations are refused until the file can be
/// written again.
#[derive(Debug)]
pub struct AuditLog {
    config: AuditConfig,
    user: User,
}

impl AuditLog {
    /// A trail in a file, which is made by the first record. Nothing is opened yet.
    #[must_use]
    pub fn new(config: AuditConfig) -> Self {
        Self { config, user: User::of_this_process() }
    }

    fn records(&self, subject: &Subject) -> bool {
        self.config.recorded == Recorded::All || subject.operation.changes()
    }
}

impl Observer for AuditLog {
    fn begin(&self, subject: &Subject) -> Result<()> {
        if !self.records(subject) {
            return Ok(());
        }
        let file = &self.config.file;
        append::open(file).map(drop).map_err(|error| {
            let message = format!(
                "the audit log {} cannot be written, so {} was not begun",
                file.display(),
                subject.operation.name()
            );
            Error::new(ErrorKind::Other, "audit_unavailable", message)
                .with_context("file", file.display())
                .with_source(error)
                .with_hint("make the file writable, or change audit.file in the config")
        })
    }

    fn end(&self, subject: &Subject, outcome: &Outcome<'_>, elapsed: Duration) {
        if !self.records(subject) {
            return;
        }
        let record = Record::new(&self.user, self.config.principal.as_deref(), subject, outcome, elapsed);
        if let Err(error) = append::append(&self.config.file, record, self.config.sync) {
            let file = self.config.file.display();
            let operation = subject.operation.name();
            let request_id = &*subject.request_id;
            tracing::error!(%file, operation, request_id, %error, "an operation could not be recorded in the audit log");
        }
    }
}
