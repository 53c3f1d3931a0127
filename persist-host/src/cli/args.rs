//! The arguments, as the command line gives them. They are only parsed here; nothing is looked up.

mod attachment;
mod bench;
mod collect;
mod doctor;
mod history;
mod plugins;
mod prune;
mod transfer;

use std::path::PathBuf;

use clap::{ArgAction, Args, ColorChoice, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use persist_host::audit::Head;
use persist_host::{Expect, RefPattern, SessionRef, SnapshotIndex, SnapshotName, SnapshotRef, WriteId};

use super::help;
pub(crate) use attachment::{AttachmentCommand, GetArgs, PutArgs};
pub(crate) use bench::{BenchArgs, Synthetic};
pub(crate) use collect::CollectArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use history::{LabelArgs, LogArgs, StatsArgs};
pub(crate) use plugins::{CheckPluginArgs, NewPluginArgs, PluginKind};
pub(crate) use prune::PruneArgs;
pub(crate) use transfer::{CopyArgs, ExportArgs, ForkArgs, ImportArgs};

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

/// Flags that every command takes, before or after its name.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// The config file
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The store to use, by its name in the config
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) store: Option<String>,
    /// A directory to search for plugins before all others; may be repeated
    #[arg(long, global = true, value_name = "DIR", action = ArgAction::Append, value_hint = ValueHint::DirPath)]
    pub(crate) plugin_dir: Vec<PathBuf>,
    /// Print results, and errors too, as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but requested data and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Show no progress
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// How much to log
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
    /// How to log: text, unless the config says otherwise
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// The file to log to, instead of standard error
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) log_file: Option<PathBuf>,
    /// Write metrics to this file when the command ends
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) metrics_file: Option<PathBuf>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
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

#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    /// The session, written AGENT/SESSION; it begins with its first snapshot
    #[arg(value_name = "AGENT/SESSION")]
    pub(crate) session: SessionRef,
    /// The file with the state; standard input if absent or -
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// A text for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// A label; may be repeated with different keys
    #[arg(long, value_name = "KEY=VALUE", value_parser = label, action = ArgAction::Append)]
    pub(crate) label: Vec<(String, String)>,
    /// The state's media type; application/json, the default, must be valid JSON
    #[arg(long, value_name = "TYPE")]
    pub(crate) media_type: Option<String>,
    /// A name of your own for the snapshot, which no other of the session has
    #[arg(long, value_name = "ID")]
    pub(crate) name: Option<SnapshotName>,
    /// The snapshot that the state was derived from, if not the newest
    #[arg(long, value_name = "INDEX")]
    pub(crate) parent: Option<SnapshotIndex>,
    /// Save only if the newest snapshot is this one, or if there is none
    #[arg(long, value_name = "none|INDEX", value_parser = expect)]
    pub(crate) expect_parent: Option<Expect>,
    /// The id of an earlier attempt whose outcome is unknown; the state is then never stored twice
    #[arg(long, value_name = "HEX")]
    pub(crate) write_id: Option<WriteId>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The snapshot, written AGENT/SESSION@INDEX, or AGENT/SESSION for the newest
    #[arg(value_name = "REF")]
    pub(crate) reference: SnapshotRef,
    /// The snapshot of the session AGENT/SESSION that was saved with this name
    #[arg(long, value_name = "ID")]
    pub(crate) name: Option<SnapshotName>,
    /// Where to write the state; standard output if absent or -
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only this agent or session
    #[arg(value_name = "AGENT[/SESSION]", value_parser = pattern_without_index)]
    pub(crate) pattern: Option<RefPattern>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The snapshot, written AGENT/SESSION@INDEX, or AGENT/SESSION for the newest
    #[arg(value_name = "REF")]
    pub(crate) reference: SnapshotRef,
    /// The snapshot of the session AGENT/SESSION that was saved with this name
    #[arg(long, value_name = "ID")]
    pub(crate) name: Option<SnapshotName>,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The snapshot to compare from, written AGENT/SESSION@INDEX, or AGENT/SESSION for the newest
    #[arg(value_name = "REF")]
    pub(crate) old: SnapshotRef,
    /// The snapshot to compare to, of the same session or another
    #[arg(value_name = "REF")]
    pub(crate) new: SnapshotRef,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Only this agent, session or snapshot; everything if absent
    #[arg(value_name = "AGENT[/SESSION[@INDEX]]")]
    pub(crate) pattern: Option<RefPattern>,
    /// Restore every snapshot too, instead of checking the digests of stored objects alone
    #[arg(long)]
    pub(crate) read_data: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// Only this agent or session; everything if absent
    #[arg(value_name = "AGENT[/SESSION]", value_parser = pattern_without_index)]
    pub(crate) pattern: Option<RefPattern>,
    /// Confirm: do what is shown
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The snapshots, each with its index
    #[arg(value_name = "AGENT/SESSION@INDEX", required = true)]
    pub(crate) references: Vec<SnapshotRef>,
    /// Delete every snapshot of the one session given without an index
    #[arg(long)]
    pub(crate) all: bool,
    /// Confirm: deletion cannot be undone
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// List adapters, the plugins that offer them, and every file that was refused and why
    List,
    /// Check a plugin file as if it were about to be used
    ///
    /// The file is loaded and its adapters are opened in a process of their own, so that even a plugin that crashes or
    /// hangs is only reported. With --config, --store or --options its adapters also go through the checks that every
    /// adapter must pass, on the storage that the options name; what the checks write there they remove again.
    Check(CheckPluginArgs),
    /// Write a new plugin's crate, which builds and passes the checks as it is
    New(NewPluginArgs),
    /// Write down what the plugins of a directory are, so that nothing else is loaded from it
    ///
    /// The lock file holds name, version, size and SHA-256 of every plugin. Check where the plugins came from first.
    Lock(PluginsLockArgs),
    /// The other half of `check`, in the process that may crash
    /// A part of `check`: loads a plugin, in the process that may crash
    #[command(hide = true)]
    Probe { file: PathBuf },
    /// A part of `check`: does what standard input asks for, in the process that may crash
    #[command(hide = true)]
    Try { file: PathBuf },
}

#[derive(Debug, Args)]
pub(crate) struct PluginsLockArgs {
    /// The directory; otherwise every one that is searched and holds plugins
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// Write nothing, and check every plugin against the lock file of its directory
    #[arg(long, conflicts_with = "output")]
    pub(crate) verify: bool,
    /// Write the lock file of one directory here, and not into the directory
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

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

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// The level as a log filter.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE with a key that is not empty".to_owned()),
    }
}

fn expect(text: &str) -> Result<Expect, String> {
    if text == "none" {
        return Ok(Expect::Empty);
    }
    text.parse().map(Expect::Index).map_err(|error| format!("{error}, or the word none"))
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
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_and_after_the_verb() {
        for line in [
            "persist --json --store s --plugin-dir a --plugin-dir b list x",
            "persist list x --plugin-dir a --plugin-dir b --json --store s",
        ] {
            let global = parse(line).unwrap().global;
            assert!(global.json, "{line}");
            assert_eq!(global.store.as_deref(), Some("s"));
            assert_eq!(global.plugin_dir, [PathBuf::from("a"), PathBuf::from("b")]);
        }
    }

    #[test]
    fn load_is_restore() {
        let cli = parse("persist load a/b@3 -o -").unwrap();
        let Command::Restore(args) = cli.command else { panic!("not restore: {:?}", cli.command) };
        assert_eq!(args.reference.to_string(), "a/b@3");
    }

    #[test]
    fn an_expectation_is_an_index_or_none() {
        assert_eq!(expect("none"), Ok(Expect::Empty));
        assert_eq!(expect("7"), Ok(Expect::Index(SnapshotIndex::new(7).unwrap())));
        assert!(expect("newest").unwrap_err().ends_with(", or the word none"));
    }

    #[test]
    fn malformed_arguments_are_usage_errors() {
        for line in [
            "persist",
            "persist save a",
            "persist save a/b@1",
            "persist save a/b --label x",
            "persist save a/b --label =x",
            "persist save a/b --write-id zz",
            "persist save a/b --parent -1",
            "persist restore a/b@x",
            "persist list a/b@1",
            "persist show a",
            "persist diff a/b",
            "persist diff a/b@1 a",
            "persist attachment",
            "persist attachment put a/b",
            "persist attachment put a/b n --once --keep",
            "persist attachment get a/b@0",
            "persist attachment list a",
            "persist verify a@1",
            "persist repair a/b@1",
            "persist delete",
            "persist fork a/b",
            "persist fork a/b c",
            "persist copy a/b",
            "persist export",
            "persist export a --all",
            "persist export a/b@1",
            "persist import",
            "persist prune --keep-last 1",
            "persist prune a --all --keep-last 1",
            "persist prune a/b@1 --keep-last 1",
            "persist prune a --keep-last 0",
            "persist prune a --keep-within 30",
            "persist prune a --keep-label =x",
            "persist prune a --keep-last 1 --timezone Mars",
            "persist gc",
            "persist gc a --all",
            "persist compact a/b@1",
            "persist log a",
            "persist label a/b",
            "persist label a/b x",
            "persist stats a/b@1",
            "persist bench",
            "persist doctor --timeout 0",
            "persist bench states --generate 2,1k,10",
            "persist bench --generate 2,1k",
            "persist bench states --steps 0",
            "persist completions shell",
            "persist plugins check",
            "persist plugins lock --verify --output f",
            "persist plugins check x.so --timeout 0",
            "persist plugins check x.so --options 5",
            "persist plugins check x.so --adapter a",
            "persist plugins new",
            "persist plugins new storage",
            "persist plugins new stories x",
            "persist plugins new storage X",
            "persist list --log-level loud",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
