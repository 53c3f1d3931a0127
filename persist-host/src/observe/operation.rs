//! The operations of a store, what each is about, and what is told of its result.

use serde::Serialize;

use crate::engine::{CheckedCopy, Collected, Copied, CopyState, Position, SessionStats};
use crate::{
    AgentId, AttachmentInfo, ContentHash, Deleted, RefPattern, Restored, SessionId, SessionRef,
    SnapshotIndex, SnapshotInfo, SnapshotRef,
};

/// What can be done with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the method of `Store` with its name")]
pub enum Operation {
    Attach,
    Attachments,
    CheckCopy,
    ClaimName,
    Collect,
    Compact,
    CopyAttachments,
    CopySession,
    CopyState,
    Delete,
    FindByName,
    Fork,
    Glance,
    Label,
    List,
    Position,
    ReadAttachment,
    ReadAttachments,
    Repair,
    Restore,
    RestoreMany,
    Save,
    Show,
    Stats,
    Verify,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Attach,
        Self::Attachments,
        Self::CheckCopy,
        Self::ClaimName,
        Self::Collect,
        Self::Compact,
        Self::CopyAttachments,
        Self::CopySession,
        Self::CopyState,
        Self::Delete,
        Self::FindByName,
        Self::Fork,
        Self::Glance,
        Self::Label,
        Self::List,
        Self::Position,
        Self::ReadAttachment,
        Self::ReadAttachments,
        Self::Repair,
        Self::Restore,
        Self::RestoreMany,
        Self::Save,
        Self::Show,
        Self::Stats,
        Self::Verify,
    ];

    /// The operation's stable name, in logs, metrics, traces and the audit trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Attachments => "attachments",
            Self::CheckCopy => "check_copy",
            Self::ClaimName => "claim_name",
            Self::Collect => "collect",
            Self::Compact => "compact",
            Self::CopyAttachments => "copy_attachments",
            Self::CopySession => "copy_session",
            Self::CopyState => "copy_state",
            Self::Delete => "delete",
            Self::FindByName => "find_by_name",
            Self::Fork => "fork",
            Self::Glance => "glance",
            Self::Label => "label",
            Self::List => "list",
            Self::Position => "position",
            Self::ReadAttachment => "read_attachment",
            Self::ReadAttachments => "read_attachments",
            Self::Repair => "repair",
            Self::Restore => "restore",
            Self::RestoreMany => "restore_many",
            Self::Save => "save",
            Self::Show => "show",
            Self::Stats => "stats",
            Self::Verify => "verify",
        }
    }

    /// Whether it may change what the store holds.
    #[must_use]
    pub const fn changes(self) -> bool {
        match self {
            Self::Attach
            | Self::ClaimName
            | Self::Collect
            | Self::Compact
            | Self::CopyAttachments
            | Self::CopySession
            | Self::Delete
            | Self::Fork
            | Self::Label
            | Self::Repair
            | Self::Save => true,
            Self::Attachments
            | Self::CheckCopy
            | Self::CopyState
            | Self::FindByName
            | Self::Glance
            | Self::List
            | Self::Position
            | Self::ReadAttachment
            | Self::ReadAttachments
            | Self::Restore
            | Self::RestoreMany
            | Self::Show
            | Self::Stats
            | Self::Verify => false,
        }
    }
}

/// What an operation is about, as far as its caller named it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// The agent; `None` for all.
    pub agent_id: Option<AgentId>,
    /// The session; `None` for all.
    pub session_id: Option<SessionId>,
    /// The snapshot; `None` for the newest, the next, or all.
    pub snapshot_index: Option<SnapshotIndex>,
}

impl From<&SessionRef> for Place {
    fn from(session: &SessionRef) -> Self {
        Self {
            agent_id: Some(session.agent.clone()),
            session_id: Some(session.session.clone()),
            snapshot_index: None,
        }
    }
}

impl From<&SnapshotRef> for Place {
    fn from(snapshot: &SnapshotRef) -> Self {
        Self { snapshot_index: snapshot.index, ..Self::from(&snapshot.session) }
    }
}

impl From<&RefPattern> for Place {
    fn from(pattern: &RefPattern) -> Self {
        Self {
            agent_id: pattern.agent.clone(),
            session_id: pattern.session.clone(),
            snapshot_index: pattern.index,
        }
    }
}

/// What is known of an operation that succeeded, as far as it applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Facts {
    /// The snapshot that was written or read.
    pub snapshot_index: Option<SnapshotIndex>,
    /// Its state's SHA-256.
    pub content_hash: Option<ContentHash>,
    /// The length of its state, or of the content that was read or written, in bytes.
    pub content_length: Option<u64>,
    /// The length of its stored object, in bytes.
    pub stored_bytes: Option<u64>,
    /// How many snapshots, rows or attachments the operation was about.
    pub count: Option<u64>,
}

/// A result of an operation that tells something of it.
pub(crate) trait Report {
    /// What it tells.
    fn facts(&self) -> Facts;
}

impl Report for SnapshotInfo {
    fn facts(&self) -> Facts {
        Facts {
            snapshot_index: Some(self.snapshot_index),
            content_hash: Some(self.content_hash),
            content_length: Some(self.content_length),
            stored_bytes: Some(self.stored_bytes),
            count: None,
        }
    }
}

impl Report for Restored {
    fn facts(&self) -> Facts {
        self.info.facts()
    }
}

impl Report for AttachmentInfo {
    fn facts(&self) -> Facts {
        Facts {
            snapshot_index: Some(self.snapshot_index),
            content_hash: Some(self.content_hash),
            content_length: Some(self.content_length),
            stored_bytes: Some(self.stored_bytes),
            count: None,
        }
    }
}

impl<T> Report for (AttachmentInfo, T) {
    fn facts(&self) -> Facts {
        self.0.facts()
    }
}

impl<T> Report for (Position, Vec<T>) {
    fn facts(&self) -> Facts {
        self.1.facts()
    }
}

impl Report for Position {
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

impl<T> Report for Vec<T> {
    fn facts(&self) -> Facts {
        counted(self.len() as u64)
    }
}

impl Report for Deleted {
    fn facts(&self) -> Facts {
        counted(self.deleted.len() as u64)
    }
}

impl Report for Collected {
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

impl Report for Copied {
    fn facts(&self) -> Facts {
        counted(self.copied)
    }
}

impl Report for CopyState {
    fn facts(&self) -> Facts {
        counted(self.missing)
    }
}

impl Report for CheckedCopy {
    fn facts(&self) -> Facts {
        counted(self.verified)
    }
}

impl Report for SessionStats {
    fn facts(&self) -> Facts {
        counted(self.snapshots)
    }
}

impl Report for u64 {
    fn facts(&self) -> Facts {
        counted(*self)
    }
}

impl Report for () {
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

fn counted(count: u64) -> Facts {
    Facts { count: Some(count), ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_is_listed_once_under_a_name_of_its_own() {
        let names: BTreeSet<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
        assert_eq!(names.len(), Operation::ALL.len());
    }
}
