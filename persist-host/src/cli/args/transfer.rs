//! The arguments of `persist fork`, `persist copy`, `persist migrate`, `persist export` and `persist import`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueHint};
use persist_host::{RefPattern, SessionRef, SnapshotRef};

use super::pattern_without_index;

#[derive(Debug, Args)]
pub(crate) struct ForkArgs {
    /// The snapshot, written AGENT/SESSION@INDEX, or AGENT/SESSION for the newest
    #[arg(value_name = "REF")]
    pub(crate) reference: SnapshotRef,
    /// The new session, which must never have had a snapshot
    #[arg(value_name = "AGENT/SESSION")]
    pub(crate) session: SessionRef,
}

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// What to copy: STORE: for everything, AGENT, AGENT/SESSION, or AGENT/SESSION@INDEX for all up to that snapshot,
    /// each after the name of its store or of the store that is used anyway; then the store to copy to
    #[arg(value_name = "[STORE:]REF… STORE:", num_args = 2.., required = true)]
    pub(crate) arguments: Vec<String>,
    /// Do not read the copies back
    #[arg(long)]
    pub(crate) no_verify: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// The store to migrate, by its name in the config
    #[arg(long, value_name = "STORE")]
    pub(crate) from: String,
    /// The store to migrate to
    #[arg(long, value_name = "STORE")]
    pub(crate) to: String,
    /// Compare every session with its copy, also those that were complete, and restore every state from the copy
    #[arg(long)]
    pub(crate) verify: bool,
    /// Show what would be copied, and write nothing
    #[arg(long, conflicts_with = "verify")]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("sessions").required(true).args(["patterns", "all"])))]
pub(crate) struct ExportArgs {
    /// The agents and sessions to export
    #[arg(value_name = "AGENT[/SESSION]", value_parser = pattern_without_index)]
    pub(crate) patterns: Vec<RefPattern>,
    /// Export every session of the store
    #[arg(long)]
    pub(crate) all: bool,
    /// Where to write the archive; standard output if absent or -
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The archive; standard input if -
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Only these agents and sessions; everything if absent
    #[arg(value_name = "AGENT[/SESSION]", value_parser = pattern_without_index)]
    pub(crate) patterns: Vec<RefPattern>,
    /// Check the archive and list what it holds, without importing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
}
