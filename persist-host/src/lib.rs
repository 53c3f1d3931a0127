//! Persist: snapshots and restore for AI agents.
//!
//! An agent hands over its state after a step; Persist keeps it, proves that it is intact, and gives any moment of any
//! session back, byte for byte, from whatever storage there is. Storage and compression come from plugins: shared
//! libraries that are found, checked and loaded at run time.
//!
//! A program that embeds Persist reads a config, discovers the plugins and opens a store:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use persist_host::config::{self, ConfigSources};
//! use persist_host::{Plugins, SaveRequest, SearchPath, StoreUse, open_store};
//!
//! # async fn example() -> persist_host::Result<()> {
//! let config = config::load(&ConfigSources::from_environment(None))?;
//! let search = SearchPath::new()
//!     .with_config(config.plugins.path.iter().cloned())
//!     .with_policy(config.plugins.trust_policy());
//! let plugins = Arc::new(Plugins::discover(&search));
//! let store = open_store(&config, None, &plugins, StoreUse::Keep).await?;
//!
//! let saved = store.save(SaveRequest::new("planner/trip-7".parse().unwrap(), r#"{"step":1}"#)).await?;
//! let restored = store.restore(&"planner/trip-7".parse().unwrap()).await?;
//! assert_eq!(restored.info, saved);
//! # Ok(())
//! # }
//! ```
//!
//! `ARCHITECTURE.md` in the repository has the map, `docs/format.md` the stored form.

pub mod archive;
mod attachment;
pub mod audit;
mod codec;
pub mod config;
mod delta;
mod difference;
mod engine;
pub mod env;
mod error;
mod fingerprint;
pub mod format;
mod guard;
mod id;
pub mod key;
mod listed;
mod matching;
pub mod metrics;
mod migration;
pub mod observe;
mod plugins;
pub mod retention;
mod selection;
mod snapshot;
mod stores;
#[cfg(feature = "otlp")]
pub mod traces;
mod validate;

pub use attachment::{AttachMode, AttachRequest, AttachmentInfo};
pub use codec::CodecSource;
pub use config::Config;
pub use difference::{
    Change, Difference, DifferenceError, Edit, RawDifference, Side, Whole, difference, raw_difference,
};
pub use engine::{
    CheckedCopy, Collected, Copied, CopyOptions, CopyState, Depth, Position, Remedy, RepairRow, SessionStats,
    Store, StoreOptions, Tuning,
};
pub use error::{Error, ErrorKind, Result};
pub use format::{ContentHash, Timestamp, WriteId};
pub use guard::guard_storage;
pub use id::{
    AgentId, AttachmentName, InvalidId, RefPattern, SessionId, SessionRef, SnapshotIndex, SnapshotName,
    SnapshotRef,
};
pub use listed::Listed;
pub use migration::{MigrateOptions, Migrated, Migration, MigrationRow, MigrationSummary};
pub use persist_plugin_api::Request;
pub use plugins::{
    AdapterKind, AdapterRow, CheckReport, CheckStep, DirectoryRow, InvalidKey, LoadedPlugin, LockChange,
    LockProblem, LockReport, LockVerdict, LockedPlugin, Origin, Outcome, PluginFile, PluginListing,
    PluginRow, PluginTrust, Plugins, PluginsPaused, RejectReason, RejectedRow, Rejection, SearchDirectory,
    SearchPath, SignatureProblem, Step, TrustPolicy, TrustedKey, check_file, lock_plugins, pause_plugins,
    probe_command, probe_in_this_process, verify_locks,
};
pub use selection::Selection;
pub use snapshot::{DeleteTarget, Deleted, Expect, Restored, SaveRequest, SnapshotInfo, VerifyRow};
pub use stores::{StoreUse, open_compression, open_store, open_store_options};
pub use validate::{InvalidJson, is_json_type, validate_json};
