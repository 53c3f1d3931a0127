//! The arguments of `persist doctor`.

use std::num::NonZeroU64;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// How many seconds the storage of each store may take to answer
    #[arg(long, value_name = "SECONDS", default_value = "15")]
    pub(crate) timeout: NonZeroU64,
}
