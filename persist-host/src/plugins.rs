//! Plugins: discover, verify, load, register. Nothing here knows of the engine or of the command line.
//!
//! [`Plugins::discover`] walks a [`SearchPath`] and reads what each shared library says of itself from the file, without
//! running any of its code. Only an adapter that is really needed is loaded ([`Plugins::open_storage`],
//! [`Plugins::open_compression`]), and what is loaded is the very file that was checked. A file that cannot be accepted
//! is recorded with its reason and never stops the others.

mod check;
mod claims;
mod content;
mod discover;
mod elf;
mod error;
mod evidence;
mod listing;
mod load;
mod lock;
mod locking;
mod parts;
mod platform;
mod policy;
mod probe;
mod registry;
mod search;
mod signature;
mod single;
mod trust;

pub use check::{CheckReport, CheckStep, Outcome, check_file};
pub use error::{LockProblem, RejectReason, Rejection, SignatureProblem, Step};
pub use listing::{AdapterRow, DirectoryRow, PluginListing, PluginRow, PluginTrust, RejectedRow};
pub use load::{PluginsPaused, pause_plugins};
pub use locking::{LockChange, LockReport, LockVerdict, LockedPlugin, lock_plugins, verify_locks};
pub use policy::{InvalidKey, TrustPolicy, TrustedKey};
pub use probe::{probe_command, probe_in_this_process};
pub use registry::{AdapterKind, PluginFile, Plugins};
pub use search::{Origin, SearchDirectory, SearchPath};
pub use single::LoadedPlugin;
