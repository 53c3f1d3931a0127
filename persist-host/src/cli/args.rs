//! The arguments, as the command line gives them. They are only parsed here; nothing is looked up.

mod attachment;
mod audit;
mod bench;
mod collect;
mod doctor;
mod global;
mod history;
mod plugins;
mod prune;
mod snapshot;
mod transfer;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use persist_host::RefPattern;

use super::help;
pub(crate) use attachment::{AttachmentCommand, GetArgs, PutArgs};
pub(crate) use audit::{AuditCommand, AuditVerifyArgs};
pub(crate) use bench::{BenchArgs, Synthetic};
pub(crate) use collect::CollectArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use global::{GlobalArgs, LogFormat};
pub(crate) use history::{LabelArgs, LogArgs, StatsArgs};
pub(crate) use plugins::{CheckPluginArgs, NewPluginArgs, PluginKind, PluginsCommand, PluginsLockArgs};
pub(crate) use prune::PruneArgs;
pub(crate) use snapshot::{
    DeleteArgs, DiffArgs, ListArgs, RepairArgs, RestoreArgs, SaveArgs, ShowArgs, VerifyArgs,
};
pub(crate) use transfer::{CopyArgs, ExportArgs, ForkArgs, ImportArgs, MigrateArgs};

/// Snapshots and restore for AI agents
///
/// Persist keeps the state of an agent's session after each step, and gives back any of them, byte for byte. Where
/// snapshots are kept and how they are compressed is up to plugins that a config file names.
#[derive(Debug, Parser)]
#[command(
    name = "persist",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = help::SHORT,
    after_long_help = help::LONG,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs, in the order of a snapshot's life.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Save a state as the session's next snapshot
    Save(SaveArgs),
    /// Give back the state of a snapshot, byte for byte
    #[command(visible_alias = "load")]
    Restore(RestoreArgs),
    /// List snapshots
    List(ListArgs),
    /// Show what is known of one snapshot
    Show(ShowArgs),
    /// Show what changed between two snapshots
    Diff(DiffArgs),
    /// Put, get and list the attachments of a snapshot
    #[command(subcommand, arg_required_else_help = true)]
    Attachment(AttachmentCommand),
    /// Show how a session's snapshots follow one another, the newest first
    Log(LogArgs),
    /// Change the labels of a snapshot
    Label(LabelArgs),
    /// Show what sessions hold and what they take in the store
    Stats(StatsArgs),
    /// Read stored snapshots and check them
    ///
    /// Every byte of every object that the snapshots need is read, and its digests are checked. With --read-data every
    /// snapshot is restored as well, which also proves that its codec gives back what was saved.
    Verify(VerifyArgs),
    /// Copy damaged objects aside and write anew what others still tell
    ///
    /// Without --yes it only shows what is damaged or missing, what it would write, and which snapshots are lost. Nothing is
    /// ever removed.
    Repair(RepairArgs),
    /// Delete snapshots for good
    Delete(DeleteArgs),
    /// Delete the snapshots that no rule keeps
    ///
    /// Without --yes it only shows which snapshots it would keep, why, and which it would delete. A snapshot that any
    /// rule keeps is kept, and so is the newest of a session. Rules that count back in time begin at the session's
    /// newest timestamp. Without a --keep flag, the rules that the config has for the store count.
    Prune(PruneArgs),
    /// Free the space of deleted snapshots
    ///
    /// Safe beside writers and readers, and may be interrupted and run again. What other snapshots are built on stays;
    /// `persist compact` erases that too.
    Gc(CollectArgs),
    /// Erase what only deleted snapshots held
    ///
    /// Snapshots that were built on deleted ones are stored anew first; each of them can be restored all the while. Safe
    /// beside writers and readers, and may be interrupted and run again.
    Compact(CollectArgs),
    /// Begin a new session with the state of a snapshot
    Fork(ForkArgs),
    /// Copy sessions to another store, or continue a copy
    ///
    /// A store is named by its name in the config and a colon. What was deleted in the source is deleted in the copy,
    /// and a session of the target that is no copy of the source's is left as it is.
    Copy(CopyArgs),
    /// Copy a whole store to another, or continue that
    ///
    /// Run again, it continues what was interrupted, and brings over what is new; sessions that are complete are not read
    /// again. The source stays as it is, and a session of the target that is no copy of the source's does too.
    Migrate(MigrateArgs),
    /// Write sessions to one file
    Export(ExportArgs),
    /// Bring the sessions of an exported file into the store
    Import(ImportArgs),
    /// Measure a store: replay states into a scratch session of it
    Bench(BenchArgs),
    /// Check config, plugins and stores, and say what to do about what is wrong
    ///
    /// Each store, or the one that --store names, is tried with a small object that is deleted again. The exit code is 0 if
    /// saving and restoring can work.
    Doctor(DoctorArgs),
    /// Look at plugins
    #[command(subcommand, arg_required_else_help = true)]
    Plugins(PluginsCommand),
    /// Look at the audit log
    #[command(subcommand, arg_required_else_help = true)]
    Audit(AuditCommand),
    /// Look at the config
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages, one a command, into a directory
    Man(ManArgs),
    /// See in half a minute what Persist does, in a temporary directory
    Demo,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the config that counts, with secrets masked
    Show,
    /// Check the config, and that every adapter it names can be opened
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The directory, which is made if it is missing
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

fn pattern_without_index(text: &str) -> Result<RefPattern, String> {
    let pattern: RefPattern = text.parse().map_err(|error: persist_host::InvalidId| error.to_string())?;
    match pattern.index {
        Some(_) => {
            Err("expected AGENT or AGENT/SESSION without an index; `persist show` shows one snapshot"
                .to_owned())
        }
        None => Ok(pattern),
    }
}

#[cfg(test)]
mod tests;
