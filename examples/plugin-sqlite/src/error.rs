//! What SQLite says, as the host understands it.

use persist_plugin_api::{Error, ErrorCode};
use rusqlite::ErrorCode as Sqlite;

/// The error of an attempt on an object. A transaction that failed has certainly not been applied, unless the failure was
/// that of its end.
pub(crate) fn failed(verb: &str, what: &str, error: rusqlite::Error) -> Error {
    let (code, retryable, not_applied) = match error.sqlite_error_code() {
        Some(Sqlite::DatabaseBusy | Sqlite::DatabaseLocked) => (ErrorCode::UNAVAILABLE, true, true),
        Some(Sqlite::DiskFull) => (ErrorCode::NO_SPACE, false, true),
        Some(Sqlite::PermissionDenied | Sqlite::ReadOnly) => (ErrorCode::PERMISSION_DENIED, false, true),
        Some(Sqlite::CannotOpen) => (ErrorCode::CONTAINER_MISSING, false, true),
        Some(Sqlite::NotADatabase | Sqlite::DatabaseCorrupt) => (ErrorCode::CORRUPT, false, false),
        Some(Sqlite::TooBig) => (ErrorCode::INVALID_ARGUMENT, false, true),
        _ => (ErrorCode::OTHER, false, false),
    };
    let message = format!("cannot {verb} {what:?} in the SQLite database");
    Error::new(code, message).retryable(retryable).not_applied(not_applied).with_source(error)
}
