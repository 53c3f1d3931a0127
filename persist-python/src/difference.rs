//! What differs between two snapshots, as Python gets it.

use persist_host::{
    Error, ErrorKind, RawDifference, Restored, Result, SnapshotInfo, difference, is_json_type, raw_difference,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::infos::Snapshot;
use crate::operation::Outcome;
use crate::state::decode;

/// Two snapshots and what differs.
pub(crate) struct Compared {
    old: SnapshotInfo,
    new: SnapshotInfo,
    found: Found,
}

enum Found {
    /// Both are JSON: whether they are the same bytes, and a JSON patch from one to the other.
    Json { equal: bool, patch: String },
    /// Compared as bytes; why, if they are said to be JSON.
    Raw { difference: RawDifference, reason: Option<String> },
}

/// Compares two states, off the asynchronous threads: it takes time for large ones.
///
/// # Errors
///
/// When the thread that compares ended early.
pub(crate) async fn compare(old: Restored, new: Restored) -> Result<Compared> {
    let compared = tokio::task::spawn_blocking(move || {
        let found = find(&old, &new);
        Compared { old: old.info, new: new.info, found }
    });
    compared.await.map_err(|error| {
        let message = "the thread that compares the states ended early";
        Error::new(ErrorKind::Other, "diff_failed", message).with_source(error)
    })
}

fn find(old: &Restored, new: &Restored) -> Found {
    let json = is_json_type(&old.info.media_type) && is_json_type(&new.info.media_type);
    let reason = match json.then(|| difference(&old.state, &new.state)) {
        Some(Ok(found)) => return Found::Json { equal: found.same_bytes, patch: found.to_json_patch() },
        Some(Err(error)) => Some(error.to_string()),
        None => None,
    };
    Found::Raw { difference: raw_difference(&old.state, &new.state), reason }
}

impl Outcome for Compared {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let compared = PyDict::new(py);
        compared.set_item("old", Snapshot(self.old))?;
        compared.set_item("new", Snapshot(self.new))?;
        match self.found {
            Found::Json { equal, patch } => {
                compared.set_item("comparison", "json")?;
                compared.set_item("equal", equal)?;
                compared.set_item("patch", decode(py, patch.as_bytes())?)?;
            }
            Found::Raw { difference, reason } => {
                compared.set_item("comparison", "raw")?;
                compared.set_item("equal", difference.first_difference.is_none())?;
                compared.set_item("first_difference", difference.first_difference)?;
                compared.set_item("common_prefix", difference.common_prefix)?;
                compared.set_item("common_suffix", difference.common_suffix)?;
                compared.set_item("reason", reason)?;
            }
        }
        Ok(compared.into_any().unbind())
    }
}
