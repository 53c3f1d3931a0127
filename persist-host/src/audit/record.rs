//! A record of the audit trail, and its place in the chain.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observe::{Outcome, Subject};
use crate::{ContentHash, SnapshotIndex, Timestamp};

/// The version of the records' schema.
const VERSION: u32 = 1;

/// One record: a line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The version of this schema: 1.
    pub audit: u32,
    /// The record's number, from 0.
    pub seq: u64,
    /// When the operation ended, by this machine's clock: RFC 3339, UTC, microseconds.
    pub time: String,
    /// The id of the request, which logs and traces carry too.
    pub request_id: String,
    /// The operating system's user.
    pub user: User,
    /// Who acted, as the config or the environment says; nothing proves it.
    pub principal: Option<String>,
    /// The process.
    pub pid: u32,
    /// The operation, for example `save`.
    pub operation: String,
    /// The store's name in the config.
    pub store: String,
    /// Its storage adapter.
    pub adapter: String,
    /// The agent; null for all.
    pub agent_id: Option<String>,
    /// The session; null for all.
    pub session_id: Option<String>,
    /// The snapshot that was written or read, or was asked for.
    pub snapshot_index: Option<u64>,
    /// The SHA-256 of the state or content that was written or read.
    pub content_hash: Option<String>,
    /// How many snapshots or rows the operation was about, where it was about several.
    pub count: Option<u64>,
    /// `ok`, `cancelled`, or the kind of the error.
    pub outcome: String,
    /// The error's code.
    pub error_code: Option<String>,
    /// How long the operation took, in microseconds.
    pub elapsed_us: u64,
    /// The SHA-256 of the line before this one, without its line feed; 64 zeros in the first. Where writers were stopped
    /// in the middle of a line, it is that of all from the record before to this one, without the last line feed.
    pub previous: String,
}

/// A user of the operating system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// The effective user id.
    pub uid: u32,
    /// Its name, if the system knows one.
    pub name: Option<String>,
}

impl User {
    /// The user that this process acts as.
    #[must_use]
    pub fn of_this_process() -> Self {
        let uid = nix::unistd::geteuid();
        let name = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
        Self { uid: uid.as_raw(), name }
    }
}

impl Record {
    /// The record of an operation that ended now. Its place in the chain is not known yet.
    pub(super) fn new(
        user: &User,
        principal: Option<&str>,
        subject: &Subject,
        outcome: &Outcome<'_>,
        elapsed: Duration,
    ) -> Self {
        let (facts, error) = match outcome {
            Outcome::Succeeded(facts) => (Some(*facts), None),
            Outcome::Failed(error) => (None, Some(*error)),
            Outcome::Cancelled => (None, None),
        };
        let place = &subject.place;
        let index = facts.and_then(|facts| facts.snapshot_index).or(place.snapshot_index);
        Self {
            audit: VERSION,
            seq: 0,
            time: Timestamp::now().to_string(),
            request_id: subject.request_id.to_string(),
            user: user.clone(),
            principal: principal.map(ToOwned::to_owned),
            pid: std::process::id(),
            operation: subject.operation.name().to_owned(),
            store: subject.store.to_string(),
            adapter: subject.adapter.to_string(),
            agent_id: place.agent_id.as_ref().map(ToString::to_string),
            session_id: place.session_id.as_ref().map(ToString::to_string),
            snapshot_index: index.map(SnapshotIndex::get),
            content_hash: facts.and_then(|facts| facts.content_hash).map(|hash| hash.to_string()),
            count: facts.and_then(|facts| facts.count),
            outcome: outcome.name().to_owned(),
            error_code: error.map(|error| error.code().to_owned()),
            elapsed_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            previous: String::new(),
        }
    }

    /// Reads a line, if it is a record.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// The newest record of a trail: its number, and the SHA-256 of its line. It is written `SEQ:SHA256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The record's number.
    pub seq: u64,
    /// The SHA-256 of its line, without the line feed.
    pub sha256: ContentHash,
}

impl Head {
    pub(super) fn of(seq: u64, line: &[u8]) -> Self {
        Self { seq, sha256: ContentHash::of(line) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.seq, self.sha256)
    }
}

impl FromStr for Head {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        let parsed = text
            .split_once(':')
            .and_then(|(seq, digest)| Some(Self { seq: seq.parse().ok()?, sha256: digest.parse().ok()? }));
        parsed.ok_or_else(|| InvalidHead { text: text.to_owned() })
    }
}

/// A text that is not a [`Head`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the head of an audit log; expected SEQ:SHA256, as `persist audit verify` prints it")]
pub struct InvalidHead {
    text: String,
}

/// The SHA-256 of what a record follows, as it holds it.
pub(super) fn digest_text(before: &[u8]) -> String {
    if before.is_empty() { "0".repeat(64) } else { ContentHash::of(before).to_string() }
}
