//! Plugins: discover, verify, load, register. Nothing here knows of the engine or of the command line.
//!
//! [`Plugins::discover`] walks a [`SearchPath`] and reads what each shared library says of itself from the file, without
//! running any of its code. Only an adapter that is really needed is loaded ([`Plugins::open_storage`],
//! [`Plugins::open_compression`]), and what is loaded is the very file that was checked. A file that cannot be accepted
//! is recorded with its reason and never stops the others.

mod check;
mod claims;
mod discover;
mod elf;
mod error;
mod listing;
mod load;
mod platform;
mod probe;
mod registry;
mod search;
mod trust;

pub use check::{CheckReport, CheckStep, Outcome, check_file};
pub use error::{RejectReason, Rejection, Step};
pub use listing::{AdapterRow, DirectoryRow, PluginListing, PluginRow, RejectedRow};
pub use probe::{probe_command, probe_in_this_process};
pub use registry::{AdapterKind, PluginFile, Plugins};
pub use search::{Origin, SearchDirectory, SearchPath};
