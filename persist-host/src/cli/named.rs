//! Snapshots that are asked for by their name.

use persist_host::{Error, ErrorKind, Result, SnapshotName, SnapshotRef, Store};

/// The snapshot that a reference means, or the one of its session that has the name.
pub(crate) async fn resolve(
    store: &Store,
    reference: SnapshotRef,
    name: Option<&SnapshotName>,
) -> Result<SnapshotRef> {
    let Some(name) = name else { return Ok(reference) };
    if reference.index.is_some() {
        let message = format!("{reference} names a snapshot by its index, and --name another way");
        return Err(Error::new(ErrorKind::Usage, "usage", message).with_hint(format!(
            "write {} --name {:?}",
            reference.session,
            name.as_str()
        )));
    }
    let info = store.find_by_name(&reference.session, name).await?;
    Ok(SnapshotRef { index: Some(info.snapshot_index), ..reference })
}
