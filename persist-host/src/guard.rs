//! What the host puts around a storage adapter: a deadline for every call, and a check of what it answers.
//!
//! An adapter is somebody else's code. One that hangs, or that answers what cannot be, must neither keep the host nor
//! mislead the engine, which works over whatever [`guard_storage`] returns and knows nothing of it.

mod answers;
mod deadline;
mod pages;

use std::sync::Arc;
use std::time::Duration;

use persist_plugin_api::DynStorage;

use answers::Checked;
use deadline::Deadline;

pub(crate) use deadline::{missed, within};

/// Puts a deadline and checks around a storage adapter.
///
/// `adapter` is what messages call it, for example `the storage adapter "s3"`. A call that takes longer than
/// `call_timeout` is cancelled by dropping its future, and fails with [`ErrorCode::TIMEOUT`]: a write may then have been
/// applied, or may yet be. `None` waits for as long as it takes. The deadline needs a tokio runtime with a timer, and
/// cannot end a call that blocks its thread.
///
/// An answer that the interface does not allow fails the call with [`ErrorCode::OTHER`]: listings that are unsorted,
/// repeat themselves, leave the prefix or do not end, metadata of another key, sizes that no storage holds, more bytes
/// than were asked for. A listing's continuation is not the adapter's own, and fits this guard alone.
///
/// [`ErrorCode::TIMEOUT`]: persist_plugin_api::ErrorCode::TIMEOUT
/// [`ErrorCode::OTHER`]: persist_plugin_api::ErrorCode::OTHER
#[must_use]
pub fn guard_storage(
    storage: Arc<dyn DynStorage>,
    adapter: &str,
    call_timeout: Option<Duration>,
) -> Arc<dyn DynStorage> {
    let limited = match call_timeout {
        Some(limit) => Arc::new(Deadline::new(storage, adapter, limit)),
        None => storage,
    };
    Arc::new(Checked::new(limited, adapter))
}

#[cfg(test)]
mod tests;
