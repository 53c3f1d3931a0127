//! The arguments of `persist attachment`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use persist_host::{AttachmentName, SnapshotRef};

#[derive(Debug, Subcommand)]
pub(crate) enum AttachmentCommand {
    /// Attach a file to a snapshot, in the place of an earlier one of this name
    Put(PutArgs),
    /// Give back an attachment, byte for byte
    Get(GetArgs),
    /// List the attachments of a snapshot
    List {
        /// The snapshot, written AGENT/SESSION@INDEX, or AGENT/SESSION for the newest
        #[arg(value_name = "REF")]
        reference: SnapshotRef,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    /// The snapshot, written AGENT/SESSION@INDEX, or AGENT/SESSION for the newest
    #[arg(value_name = "REF")]
    pub(crate) reference: SnapshotRef,
    /// The attachment's name among those of the snapshot
    #[arg(value_name = "NAME")]
    pub(crate) name: AttachmentName,
    /// The file with the content; standard input if absent or -
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The content's media type; application/octet-stream by default
    #[arg(long, value_name = "TYPE")]
    pub(crate) media_type: Option<String>,
    /// Fail if the name has another content already
    #[arg(long)]
    pub(crate) once: bool,
    /// Leave what is there if the name has another content already
    #[arg(long, conflicts_with = "once")]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The snapshot, written AGENT/SESSION@INDEX, or AGENT/SESSION for the newest
    #[arg(value_name = "REF")]
    pub(crate) reference: SnapshotRef,
    /// The attachment's name
    #[arg(value_name = "NAME")]
    pub(crate) name: AttachmentName,
    /// Where to write the content; standard output if absent or -
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}
