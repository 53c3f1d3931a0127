//! The arguments of the commands that save, read, check and delete snapshots.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};
use persist_host::{Expect, RefPattern, SessionRef, SnapshotIndex, SnapshotName, SnapshotRef, WriteId};

use super::pattern_without_index;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_is_an_index_or_none() {
        assert_eq!(expect("none"), Ok(Expect::Empty));
        assert_eq!(expect("7"), Ok(Expect::Index(SnapshotIndex::new(7).unwrap())));
        assert!(expect("newest").unwrap_err().ends_with(", or the word none"));
    }
}
