//! The errors that several operations share.

use std::fmt;

use persist_plugin_api as plugin;

use crate::format::FormatError;
use crate::{Error, ErrorKind, SessionRef, SnapshotIndex, WriteId};

/// An object whose bytes are damaged, or that this release cannot read.
pub(super) fn unreadable(what: &impl fmt::Display, key: &str, error: FormatError) -> Error {
    if error.is_damage() {
        return damaged(what, key).with_source(error);
    }
    let (kind, code) = match &error {
        FormatError::UnknownVersion { .. }
        | FormatError::UnknownLayout { .. }
        | FormatError::UnknownFeature { .. }
        | FormatError::UnknownKind { .. } => (ErrorKind::Incompatible, "needs_other_release"),
        _ => (ErrorKind::InvalidInput, "cannot_be_encoded"),
    };
    // The refusal's own text names the release to install, which is what the reader must see first.
    Error::new(kind, code, format!("cannot read {what}: {error}")).with_context("key", key)
}

/// A manifest that is damaged or that this release cannot read. Which snapshots of the session were deleted is then not
/// known, and one that was deleted must never be given back, so the whole session is refused.
pub(super) fn unreadable_manifest(session: &SessionRef, seq: u64, key: &str, error: FormatError) -> Error {
    unreadable(&format_args!("the manifest {seq} of the session {session}"), key, error).with_hint(
        "without it, it is not known which snapshots of the session were deleted: bring the object back from a backup \
         of the store",
    )
}

/// An object whose stored bytes are not what was stored.
pub(super) fn damaged(what: &impl fmt::Display, key: &str) -> Error {
    Error::new(ErrorKind::Integrity, "object_damaged", format!("{what} is damaged"))
        .with_context("key", key)
        .with_hint(
            "restore another snapshot of the session, or bring the object back from a backup of the store",
        )
}

/// A snapshot that must exist, since later ones do, and does not.
pub(super) fn missing(session: &SessionRef, index: SnapshotIndex, key: &str) -> Error {
    let message =
        format!("the snapshot {session}@{index} is missing from the store, though later ones exist");
    Error::new(ErrorKind::Integrity, "object_missing", message)
        .with_context("key", key)
        .with_hint("bring the object back from a backup of the store")
}

/// A snapshot that was deleted.
pub(super) fn deleted(session: &SessionRef, index: SnapshotIndex) -> Error {
    Error::new(ErrorKind::NotFound, "snapshot_deleted", format!("the snapshot {session}@{index} was deleted"))
}

/// An index that a seal took, so that it never was a snapshot.
pub(super) fn no_snapshot_here(session: &SessionRef, index: SnapshotIndex) -> Error {
    let message = format!("there is no snapshot {session}@{index}: a collection used this index up");
    Error::new(ErrorKind::NotFound, "snapshot_not_found", message)
}

/// A session without any snapshot, or with none left.
pub(super) fn no_session(session: &SessionRef) -> Error {
    Error::new(ErrorKind::NotFound, "session_not_found", format!("the session {session} has no snapshots"))
        .with_hint("`persist list` shows what the store holds")
}

/// An index beyond the newest snapshot.
pub(super) fn no_snapshot(session: &SessionRef, index: SnapshotIndex, newest: u64) -> Error {
    let message = format!("there is no snapshot {session}@{index}");
    Error::new(ErrorKind::NotFound, "snapshot_not_found", message)
        .with_hint(format!("the session's snapshots end at index {newest}"))
}

/// A save of which it is not known whether it happened.
pub(super) fn unknown_save(
    session: &SessionRef,
    index: SnapshotIndex,
    write_id: WriteId,
    cause: Option<plugin::Error>,
) -> Error {
    let message = format!("it is not known whether the snapshot {session}@{index} was saved");
    let error = Error::new(ErrorKind::OutcomeUnknown, "save_outcome_unknown", message)
        .with_context("snapshot_index", index)
        .with_context("write_id", write_id)
        .with_hint(format!(
            "save the same state again with the write id {write_id}; it is never stored twice"
        ));
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}
