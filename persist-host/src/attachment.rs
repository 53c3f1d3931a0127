//! What callers hand to the engine about attachments and get back from it.

use bytes::Bytes;
use serde::Serialize;

use crate::format::Attachment;
use crate::{
    AgentId, AttachmentName, ContentHash, SessionId, SessionRef, SnapshotIndex, SnapshotRef, Timestamp,
    WriteId,
};

/// Something to attach to a snapshot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttachRequest {
    /// The snapshot. Without an index it is the newest one when the request is carried out, which need not be the one
    /// that the caller saved.
    pub snapshot: SnapshotRef,
    /// The attachment's name among those of the snapshot.
    pub name: AttachmentName,
    /// The content; stored and given back byte for byte.
    pub content: Bytes,
    /// The content's media type. `None` is `application/octet-stream`. Nothing is checked by it.
    pub media_type: Option<String>,
    /// What happens if there is an attachment of this name.
    pub mode: AttachMode,
}

impl AttachRequest {
    /// A request that puts the content in the place of any earlier one of this name.
    #[must_use]
    pub fn new(snapshot: SnapshotRef, name: AttachmentName, content: impl Into<Bytes>) -> Self {
        Self { snapshot, name, content: content.into(), media_type: None, mode: AttachMode::Upsert }
    }
}

/// What happens to an attachment that is there already. One with the same content and media type is always left as it
/// is, so that every request can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachMode {
    /// Another content is a conflict.
    Once,
    /// Another content stays, and the new one is not stored.
    Keep,
    /// Another content is replaced by a new version.
    Upsert,
}

/// An attachment, without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AttachmentInfo {
    /// The agent.
    pub agent_id: AgentId,
    /// The session.
    pub session_id: SessionId,
    /// The snapshot that it belongs to.
    pub snapshot_index: SnapshotIndex,
    /// The name.
    pub name: AttachmentName,
    /// The version, from 0.
    pub version: u64,
    /// When it was attached, by the attaching machine's clock.
    pub timestamp: Timestamp,
    /// SHA-256 of the content.
    pub content_hash: ContentHash,
    /// The content's length in bytes.
    pub content_length: u64,
    /// The stored object's length in bytes, everything included.
    pub stored_bytes: u64,
    /// The compression adapter that the object was written with; `None` when it is stored uncompressed.
    pub codec: Option<String>,
    /// The media type.
    pub media_type: String,
    /// The id of the attempt that stored it.
    pub write_id: WriteId,
}

impl AttachmentInfo {
    pub(crate) fn new(attachment: &Attachment, stored_bytes: u64) -> Self {
        Self {
            agent_id: attachment.session.agent.clone(),
            session_id: attachment.session.session.clone(),
            snapshot_index: attachment.snapshot_index,
            name: attachment.name.clone(),
            version: attachment.version,
            timestamp: attachment.timestamp,
            content_hash: attachment.content_hash,
            content_length: attachment.content_length,
            stored_bytes,
            codec: attachment.storage.transforms.first().map(|codec| codec.name.clone()),
            media_type: attachment.media_type().to_owned(),
            write_id: attachment.storage.write_id,
        }
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> SessionRef {
        SessionRef::new(self.agent_id.clone(), self.session_id.clone())
    }
}
