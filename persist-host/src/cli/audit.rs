//! `persist audit`: checking the audit trail.

use std::path::PathBuf;

use persist_host::audit::{self, Audited};
use persist_host::{Error, ErrorKind};

use super::args::{AuditCommand, AuditVerifyArgs};
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;

pub(crate) fn run(command: AuditCommand, context: &Context) -> Outcome {
    match command {
        AuditCommand::Verify(args) => verify(args, context),
    }
}

fn verify(args: AuditVerifyArgs, context: &Context) -> Outcome {
    let file = match args.file {
        Some(file) => file,
        None => configured(context)?,
    };
    let audited = audit::verify(&file, args.head)?;
    let output = context.output();
    if output.is_json() {
        output.object(&audited)?;
    } else {
        output.line(&summary(&audited))?;
    }
    Ok(Exit::Done)
}

fn configured(context: &Context) -> persist_host::Result<PathBuf> {
    context.config()?.audit.as_ref().map(|audit| audit.file.clone()).ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            "audit_not_configured",
            "the config has no audit log, and no file was given",
        )
        .with_hint("name the file, or write [audit] with a file into the config")
    })
}

fn summary(audited: &Audited) -> String {
    let unfinished = match audited.unfinished {
        0 => String::new(),
        count => format!(", {count} unfinished"),
    };
    match (&audited.first, &audited.last, &audited.head) {
        (Some(first), Some(last), Some(head)) => {
            format!("{} records{unfinished}, from {first} to {last}\nhead {head}", audited.records)
        }
        _ => format!("no records{unfinished}"),
    }
}
