//! What the host puts around an adapter: a deadline for every call of a storage adapter, a check of what it answers, and
//! a limit on how long its drop is waited for.
//!
//! An adapter is somebody else's code. One that hangs, or that answers what cannot be, must neither keep the host nor
//! mislead the engine, which works over whatever [`guard_storage`] returns and knows nothing of it.

mod answers;
mod codec;
mod deadline;
mod drops;
mod limit;
mod pages;

use std::sync::Arc;
use std::time::Duration;

use persist_plugin_api::DynStorage;

use answers::Checked;
use deadline::Deadline;

pub(crate) use codec::guard_compression;
pub(crate) use limit::Limit;

/// Puts a deadline and checks around a storage adapter.
///
/// `adapter` is what messages call it, for example `the storage adapter "s3"`. A call that takes longer than
/// `call_timeout` is cancelled by dropping its future, and fails with [`ErrorCode::TIMEOUT`]: a write may then have been
/// applied, or may yet be. `None` waits for as long as it takes. The deadline needs a tokio runtime with a timer, and
/// cannot end a call that blocks its thread.
///
/// Neither the future of a call that was given up nor the adapter itself can keep the caller when they are dropped: both are
/// dropped on threads of their own. The adapter's drop is waited for two seconds and then left to its thread, with a
/// warning in the log.
///
/// An answer that the interface does not allow fails the call with [`ErrorCode::WRONG_ANSWER`]: listings that are unsorted,
/// repeat themselves, leave the prefix or do not end, metadata of another key, sizes that no storage holds, more bytes
/// than were asked for. A listing's continuation is not the adapter's own, and fits this guard alone.
///
/// [`ErrorCode::TIMEOUT`]: persist_plugin_api::ErrorCode::TIMEOUT
/// [`ErrorCode::WRONG_ANSWER`]: persist_plugin_api::ErrorCode::WRONG_ANSWER
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
