//! The arguments of `persist audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use persist_host::audit::Head;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no record of the audit log was changed, added or removed, and print its head
    Verify(AuditVerifyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerifyArgs {
    /// The file; the one that the config names if absent
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// A head that was printed earlier and kept elsewhere: also checks that the log was not cut short or replaced
    #[arg(long, value_name = "SEQ:SHA256")]
    pub(crate) head: Option<Head>,
}
