//! The two ways in which an object is sent.

use std::sync::Arc;

use opendal::{Error, ErrorKind};
use persist_plugin_api::{Bytes, Result};

use crate::core::Core;
use crate::gcs::GcsRequests;
use crate::wire::Seen;

/// How a service takes objects.
pub(crate) enum Uploads {
    /// As OpenDAL sends them.
    Opendal,
    /// In requests of this crate's own.
    Gcs(GcsRequests),
}

impl Uploads {
    /// Sends an object in one request, or, with `if_absent`, on the condition that there is none.
    pub(crate) async fn put(
        &self,
        core: &Core,
        seen: &Arc<Seen>,
        name: &str,
        data: Bytes,
        if_absent: bool,
    ) -> Result<(), Error> {
        match self {
            Self::Opendal => {
                core.operator(seen).write_with(name, data).if_not_exists(if_absent).await?;
                match seen.facts().status {
                    // The only answer that the service gives to a write; any other 200 is something else's.
                    Some(201) => Ok(()),
                    _ => Err(Error::new(ErrorKind::Unexpected, "the answer is not the service's")),
                }
            }
            Self::Gcs(requests) => requests.insert(core.client(), seen, name, data, if_absent).await,
        }
    }
}

impl Core {
    /// Whether the service keeps what is replaced or deleted, as far as that can be known.
    pub(crate) async fn keeps_versions(&self) -> Result<bool> {
        match &self.uploads {
            // Azure tells it in the answers to writes and deletions. Until one told, what is replaced may be kept.
            Uploads::Opendal => Ok(self.versions_seen() != Some(false)),
            Uploads::Gcs(requests) => {
                self.asked_versions.get_or_try_init(|| requests.keeps_versions(self)).await.copied()
            }
        }
    }
}
