//! Finds out whether the service honours `If-None-Match`, which some accept and ignore.

use persist_plugin_api::{Bytes, ErrorCode, Result};

use crate::adapter::S3Storage;
use crate::attempts::Attempts;
use crate::keys::PROBE_KEY;
use crate::write::Outcome;

const PROBE: &[u8] = b"Persist tries here whether this service honours If-None-Match.\n";

impl S3Storage {
    /// Whether an object that is sent in one piece can be created atomically. The answer is kept, a failure is not.
    pub(crate) async fn creates_whole(&self) -> Result<bool> {
        self.creates_whole.get_or_try_init(|| self.probe_whole()).await.copied()
    }

    /// The same for an object that is sent in parts.
    pub(crate) async fn creates_in_parts(&self) -> Result<bool> {
        // After this one the probe's object exists, if the service honours anything at all.
        if !self.creates_whole().await? {
            return Ok(false);
        }
        self.creates_in_parts.get_or_try_init(|| self.probe_parts()).await.copied()
    }

    async fn probe_whole(&self) -> Result<bool> {
        let object = self.settings.root.below(PROBE_KEY);
        // The first write may create the object; only the second one must find it.
        for _ in 0..2 {
            let attempts = Attempts::default();
            let put = || self.put_whole(&object, Bytes::from_static(PROBE), true, &attempts);
            match self.contend(&attempts, put).await {
                Ok(Outcome::Taken) => return Ok(true),
                Ok(Outcome::Written) => {}
                Ok(Outcome::Contended(error)) => return Err(error),
                Err(error) if error.code() == ErrorCode::UNSUPPORTED => break,
                Err(error) => return Err(error),
            }
        }
        tracing::warn!(place = %self.place, "the service ignores If-None-Match: creation is not atomic");
        Ok(false)
    }

    async fn probe_parts(&self) -> Result<bool> {
        let object = self.settings.root.below(PROBE_KEY);
        let attempts = Attempts::default();
        let put = || self.put_in_parts(&object, Bytes::from_static(PROBE), true, &attempts);
        match self.contend(&attempts, put).await {
            Ok(Outcome::Taken) => return Ok(true),
            // The object has the same contents again, so nothing was lost.
            Ok(Outcome::Written) => {}
            Ok(Outcome::Contended(error)) => return Err(error),
            Err(error) if error.code() == ErrorCode::UNSUPPORTED => {}
            Err(error) => return Err(error),
        }
        tracing::warn!(
            place = %self.place,
            "the service ignores If-None-Match for uploads in parts: new objects are sent in one piece"
        );
        Ok(false)
    }
}
