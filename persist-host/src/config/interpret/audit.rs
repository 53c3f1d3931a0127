//! What a config says of the audit trail.

use std::path::Path;

use super::Table;
use crate::Result;
use crate::audit::{AuditConfig, Recorded};
use crate::config::error::{bad_value, missing_key};

/// Reads the table `audit`.
///
/// # Errors
///
/// For an unknown or missing key and for a value that is not allowed.
pub(super) fn audit(table: &Table<'_>) -> Result<AuditConfig> {
    table.allow(&["file", "operations", "principal", "sync"])?;
    let base = table.document.file.parent().unwrap_or(Path::new(""));
    let file = match table.text("file")? {
        Some(file) if file.is_empty() => {
            let problem = "is empty; it must name a file";
            return Err(bad_value(table.document, &table.path_of("file"), problem));
        }
        Some(file) => base.join(file),
        None => {
            let example = r#"file = "/var/log/persist/audit.jsonl""#;
            return Err(missing_key(table.document, &table.path, "file", example));
        }
    };
    let recorded = match table.text("operations")?.as_deref() {
        None | Some("all") => Recorded::All,
        Some("changes") => Recorded::Changes,
        Some(other) => {
            let problem = format!("is {other:?}; expected \"all\" or \"changes\"");
            return Err(bad_value(table.document, &table.path_of("operations"), &problem));
        }
    };
    let principal = table.text("principal")?.filter(|principal| !principal.is_empty());
    let sync = table.boolean("sync")?.unwrap_or(true);
    Ok(AuditConfig { file, principal, recorded, sync })
}
