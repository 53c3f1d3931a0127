//! The arguments of `persist gc` and `persist compact`.

use clap::{ArgGroup, Args};
use persist_host::RefPattern;

use super::pattern_without_index;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("sessions").required(true).args(["pattern", "all"])))]
pub(crate) struct CollectArgs {
    /// The agent or session whose deleted snapshots are meant
    #[arg(value_name = "AGENT[/SESSION]", value_parser = pattern_without_index)]
    pub(crate) pattern: Option<RefPattern>,
    /// Every session of the store
    #[arg(long)]
    pub(crate) all: bool,
}
