//! Finds out whether the service honours the condition that an object must not exist, which some accept and ignore.

use persist_plugin_api::{Bytes, ErrorCode, Result};

use crate::core::Core;

const PROBE: &[u8] = b"Persist tries here whether this service creates objects atomically.\n";

impl Core {
    /// Whether an object can be created atomically. The answer is kept, a failure is not.
    pub(crate) async fn creates(&self) -> Result<bool> {
        self.creates.get_or_try_init(|| self.probe()).await.copied()
    }

    async fn probe(&self) -> Result<bool> {
        let name = self.root.probe();
        // The first write may create the object; only the second one must find it. What is written is always the same,
        // so that an attempt whose answer was lost may be repeated.
        for _ in 0..2 {
            let put = |_| self.put("try atomic creation with", &name, Bytes::from_static(PROBE), true);
            match self.retry.repeat("probe", put).await {
                Ok(()) => {}
                Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => return Ok(true),
                Err(error) if error.code() == ErrorCode::UNSUPPORTED => break,
                Err(error) => return Err(error),
            }
        }
        tracing::warn!(place = %self.place, "the service ignores conditions of writes: creation is not atomic");
        Ok(false)
    }
}
