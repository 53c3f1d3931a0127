//! What callers hand to the engine and get back from it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Serialize;

use crate::format::{Header, JSON_MEDIA_TYPE};
use crate::{
    AgentId, ContentHash, Error, SessionId, SessionRef, SnapshotIndex, SnapshotName, SnapshotRef, Timestamp,
    WriteId,
};

/// A state to save, and what to record with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SaveRequest {
    /// The session that the snapshot continues.
    pub session: SessionRef,
    /// The state; stored and given back byte for byte.
    pub state: Bytes,
    /// The state's media type. `None` is `application/json`, for which the state must be JSON; any other type is taken
    /// as it is.
    pub media_type: Option<String>,
    /// A text for people.
    pub description: Option<String>,
    /// Labels: names and values of the caller's choice.
    pub labels: BTreeMap<String, String>,
    /// A name for this snapshot.
    pub name: Option<SnapshotName>,
    /// Whether the name is claimed before the snapshot is saved, so that no live snapshot of the session has the same
    /// one. It costs an object. Without a claim the name is taken on the caller's word, and is found by a search through
    /// the session's headers.
    pub claim_name: bool,
    /// The snapshot that the state was derived from. `None` is the newest one; an agent that went back and continued
    /// from an earlier moment names that one.
    pub parent: Option<SnapshotIndex>,
    /// What must be the newest snapshot for the save to go ahead.
    pub expect_parent: Expect,
    /// The attempt's id. `None` draws one. Saving again with the id that a failed attempt reported never stores twice.
    pub write_id: Option<WriteId>,
}

impl SaveRequest {
    /// A request that appends a JSON state to a session, with nothing recorded beside it.
    #[must_use]
    pub fn new(session: SessionRef, state: impl Into<Bytes>) -> Self {
        Self {
            session,
            state: state.into(),
            media_type: None,
            description: None,
            labels: BTreeMap::new(),
            name: None,
            claim_name: true,
            parent: None,
            expect_parent: Expect::Any,
            write_id: None,
        }
    }

    /// Whether the state must be valid JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.media_type.as_deref().is_none_or(|media_type| {
            let essence = media_type.split(';').next().unwrap_or(media_type).trim();
            essence.eq_ignore_ascii_case(JSON_MEDIA_TYPE)
        })
    }
}

/// What must be a session's newest snapshot for a save to go ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Anything: the save appends.
    #[default]
    Any,
    /// The session has no snapshot.
    Empty,
    /// The newest snapshot is this one.
    Index(SnapshotIndex),
}

/// A snapshot, without its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// The agent.
    pub agent_id: AgentId,
    /// The session.
    pub session_id: SessionId,
    /// The position in the session, from 0.
    pub snapshot_index: SnapshotIndex,
    /// When the snapshot was saved, by the saving machine's clock.
    pub timestamp: Timestamp,
    /// SHA-256 of the state.
    pub content_hash: ContentHash,
    /// The state's length in bytes.
    pub content_length: u64,
    /// The stored object's length in bytes, everything included.
    pub stored_bytes: u64,
    /// The version of the format that the object is written in.
    pub format_version: u16,
    /// The compression adapter that the object was written with; `None` when it is stored uncompressed.
    pub codec: Option<String>,
    /// The storage adapter that holds it.
    pub storage: String,
    /// The state's media type.
    pub media_type: String,
    /// The text for people.
    pub description: Option<String>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The name that the client chose.
    pub name: Option<SnapshotName>,
    /// The snapshot that the state was derived from; `None` for the first.
    pub parent_index: Option<SnapshotIndex>,
    /// The snapshot of another session that the session was forked from; only at index 0.
    pub forked_from: Option<SnapshotRef>,
    /// The id of the attempt that stored it.
    pub write_id: WriteId,
}

impl SnapshotInfo {
    pub(crate) fn new(header: &Header, stored_bytes: u64, storage: &str) -> Self {
        let identity = &header.identity;
        Self {
            agent_id: identity.agent_id.clone(),
            session_id: identity.session_id.clone(),
            snapshot_index: identity.snapshot_index,
            timestamp: identity.timestamp,
            content_hash: identity.content_hash,
            content_length: identity.content_length,
            stored_bytes,
            format_version: identity.format_version,
            codec: header.storage.transforms.first().map(|codec| codec.name.clone()),
            storage: storage.to_owned(),
            media_type: identity.media_type().to_owned(),
            description: identity.description.clone(),
            labels: identity.labels.clone(),
            name: identity.name.clone(),
            parent_index: identity.parent,
            forked_from: identity.forked_from.as_ref().map(|origin| SnapshotRef {
                session: origin.session.clone(),
                index: Some(origin.snapshot_index),
            }),
            write_id: header.storage.write_id,
        }
    }

    /// Applies what was changed since the snapshot was saved.
    pub(crate) fn change_labels(&mut self, changes: &BTreeMap<String, Option<String>>) {
        for (name, value) in changes {
            match value {
                Some(value) => self.labels.insert(name.clone(), value.clone()),
                None => self.labels.remove(name),
            };
        }
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> SessionRef {
        SessionRef::new(self.agent_id.clone(), self.session_id.clone())
    }
}

/// A restored snapshot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Restored {
    /// What it is.
    pub info: SnapshotInfo,
    /// The state, exactly as it was saved; its hash has been checked.
    pub state: Bytes,
}

/// The result of verifying one stored object.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyRow {
    /// The session.
    pub session: SessionRef,
    /// The snapshot; `None` for an object that belongs to the session as a whole.
    pub snapshot_index: Option<SnapshotIndex>,
    /// The object's key.
    pub key: String,
    /// The state's length in bytes, where it could be read.
    pub content_length: Option<u64>,
    /// What is wrong; `None` when the object is intact.
    pub error: Option<Error>,
}

/// Which snapshots of a session to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteTarget {
    /// These.
    Indices(BTreeSet<SnapshotIndex>),
    /// All that there are when the deletion is decided.
    All,
}

/// What a deletion did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Deleted {
    /// The snapshots that it deleted.
    pub deleted: Vec<SnapshotIndex>,
    /// The snapshots that it was asked to delete and that had been deleted before.
    pub already_deleted: Vec<SnapshotIndex>,
}
