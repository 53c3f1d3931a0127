//! Storage keys: where the objects of a session lie.
//!
//! ```text
//! persist-store.json                            the store marker
//! agents/<agent>/<session>/d/<index>            snapshots; the index has ten decimal digits
//! agents/<agent>/<session>/m/<seq>              manifests; the number has ten decimal digits
//! agents/<agent>/<session>/g/<generation>/<index>   rewritten snapshots
//! agents/<agent>/<session>/w/<index>/<name>/<version>   attachments of snapshots
//! agents/<agent>/<session>/n/<name>/<number>        claims to the names of snapshots
//! quarantine/<key>.<number>                     copies of damaged objects
//! ```

mod segment;

pub use segment::{DecodedSegment, decode_segment, encode_id};

use crate::format::Generation;
use crate::{AgentId, AttachmentName, SessionRef, SnapshotIndex, SnapshotName};

/// The key of the store marker.
pub const MARKER: &str = "persist-store.json";

/// The decimal digits of an index or a manifest number in a key.
const DIGITS: usize = 10;

/// The prefix of everything that belongs to an agent.
#[must_use]
pub fn agents_prefix() -> &'static str {
    "agents/"
}

/// The prefix of the copies of damaged objects. What follows in a copy's key is the key of the object, a dot and a number.
#[must_use]
pub fn quarantine_prefix() -> &'static str {
    "quarantine/"
}

/// The prefix of all sessions of `agent`.
#[must_use]
pub fn sessions_prefix(agent: &AgentId) -> String {
    format!("{}{}/", agents_prefix(), encode_id(agent.as_str()))
}

/// The prefix of everything that belongs to `session`.
#[must_use]
pub fn session_prefix(session: &SessionRef) -> String {
    format!("{}{}/", sessions_prefix(&session.agent), encode_id(session.session.as_str()))
}

/// The prefix of all snapshots of `session`.
#[must_use]
pub fn snapshot_prefix(session: &SessionRef) -> String {
    format!("{}d/", session_prefix(session))
}

/// The key of one snapshot.
#[must_use]
pub fn snapshot_key(session: &SessionRef, index: SnapshotIndex) -> String {
    format!("{}{:0DIGITS$}", snapshot_prefix(session), index.get())
}

/// The prefix of all manifests of `session`.
#[must_use]
pub fn manifest_prefix(session: &SessionRef) -> String {
    format!("{}m/", session_prefix(session))
}

/// The key of the manifest numbered `seq`, which has at most ten decimal digits.
#[must_use]
pub fn manifest_key(session: &SessionRef, seq: u64) -> String {
    format!("{}{seq:0DIGITS$}", manifest_prefix(session))
}

/// The prefix of all generations of rewritten snapshots of `session`.
#[must_use]
pub fn generations_prefix(session: &SessionRef) -> String {
    format!("{}g/", session_prefix(session))
}

/// The prefix of one generation.
#[must_use]
pub fn generation_prefix(session: &SessionRef, generation: Generation) -> String {
    format!("{}{generation}/", generations_prefix(session))
}

/// The key of a rewritten snapshot.
#[must_use]
pub fn rewritten_key(session: &SessionRef, generation: Generation, index: SnapshotIndex) -> String {
    format!("{}{:0DIGITS$}", generation_prefix(session, generation), index.get())
}

/// Reads what follows `prefix`, that of a session's generations, in the key of a rewritten snapshot.
#[must_use]
pub fn parse_rewritten(prefix: &str, key: &str) -> Option<(Generation, SnapshotIndex)> {
    let (generation, index) = key.strip_prefix(prefix)?.split_once('/')?;
    Some((generation.parse().ok()?, parse_index(index)?))
}

/// The prefix of all attachments of `session`.
#[must_use]
pub fn attachments_prefix(session: &SessionRef) -> String {
    format!("{}w/", session_prefix(session))
}

/// The prefix of all attachments of one snapshot.
#[must_use]
pub fn snapshot_attachments_prefix(session: &SessionRef, index: SnapshotIndex) -> String {
    format!("{}{:0DIGITS$}/", attachments_prefix(session), index.get())
}

/// The prefix of all versions of one attachment.
#[must_use]
pub fn attachment_prefix(session: &SessionRef, index: SnapshotIndex, name: &AttachmentName) -> String {
    format!("{}{}/", snapshot_attachments_prefix(session, index), encode_id(name.as_str()))
}

/// The key of one version, which has at most ten decimal digits, below the prefix of its attachment.
#[must_use]
pub fn version_key(attachment_prefix: &str, version: u64) -> String {
    format!("{attachment_prefix}{version:0DIGITS$}")
}

/// Reads what follows `prefix`, that of a snapshot's attachments, in the key of one version: the prefix of the
/// attachment, and the version.
#[must_use]
pub fn parse_version<'a>(prefix: &str, key: &'a str) -> Option<(&'a str, u64)> {
    let (name, version) = key.strip_prefix(prefix)?.split_once('/')?;
    Some((key.get(..prefix.len() + name.len() + 1)?, parse_index(version)?.get()))
}

/// The prefix of all claims to a name in `session`.
#[must_use]
pub fn claims_prefix(session: &SessionRef, name: &SnapshotName) -> String {
    format!("{}n/{}/", session_prefix(session), encode_id(name.as_str()))
}

/// The key of the claim numbered `number`, which has at most ten decimal digits.
#[must_use]
pub fn claim_key(session: &SessionRef, name: &SnapshotName, number: u64) -> String {
    format!("{}{number:0DIGITS$}", claims_prefix(session, name))
}

/// Reads the last segment of a snapshot's or a manifest's key; `None` when it is not ten decimal digits.
#[must_use]
pub fn parse_index(last_segment: &str) -> Option<SnapshotIndex> {
    if last_segment.len() != DIGITS {
        return None;
    }
    last_segment.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_layout() {
        let session: SessionRef = "Agent/..".parse().unwrap();
        assert_eq!(snapshot_key(&session, SnapshotIndex::FIRST), "agents/!agent/!02e!02e/d/0000000000");
        assert_eq!(snapshot_key(&session, SnapshotIndex::MAX), "agents/!agent/!02e!02e/d/9999999999");
        assert_eq!(manifest_key(&session, 12), "agents/!agent/!02e!02e/m/0000000012");
        assert!(snapshot_prefix(&session).starts_with(&sessions_prefix(&session.agent)));
        assert!(sessions_prefix(&session.agent).starts_with(agents_prefix()));
    }

    #[test]
    fn only_ten_digits_are_an_index() {
        assert_eq!(parse_index("0000000042").map(SnapshotIndex::get), Some(42));
        for text in ["", "42", "00000000042", "000000004x", "+000000042", "0000000042.tmp"] {
            assert_eq!(parse_index(text), None, "{text}");
        }
    }
}
