//! Persist: snapshots and restore for AI agents.

mod codec;
mod engine;
mod error;
pub mod format;
mod id;
pub mod key;
mod plugins;
mod snapshot;
mod validate;

pub use codec::CodecSource;
pub use engine::{Store, StoreOptions};
pub use error::{Error, ErrorKind, Result};
pub use format::{ContentHash, Timestamp, WriteId};
pub use id::{
    AgentId, InvalidId, RefPattern, SessionId, SessionRef, SnapshotIndex, SnapshotName, SnapshotRef,
};
pub use plugins::{
    AdapterKind, AdapterRow, CheckReport, CheckStep, DirectoryRow, Origin, Outcome, PluginFile,
    PluginListing, PluginRow, Plugins, RejectReason, RejectedRow, Rejection, SearchDirectory, SearchPath,
    Step, check_file, probe_command, probe_in_this_process,
};
pub use snapshot::{DeleteTarget, Deleted, Expect, Restored, SaveRequest, SnapshotInfo, VerifyRow};
pub use validate::{InvalidJson, validate_json};
