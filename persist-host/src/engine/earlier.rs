//! Finding what an earlier attempt with the same write id stored.

use futures_util::{StreamExt as _, stream};

use super::Store;
use super::errors::deleted;
use super::head::View;
use crate::codec::off_thread;
use crate::format::Record;
use crate::{
    ContentHash, Error, ErrorKind, Result, SaveRequest, SnapshotIndex, SnapshotInfo, SnapshotRef, WriteId,
    key,
};

/// How many headers are read at once when a session is searched for a write id.
const SEARCH_WIDTH: usize = 16;

impl Store {
    /// Finds the snapshot that an earlier attempt with this write id stored, and makes sure that it counts.
    pub(super) async fn saved_earlier(
        &self,
        request: &SaveRequest,
        write_id: WriteId,
        view: &View,
    ) -> Result<Option<SnapshotInfo>> {
        let Some(info) = self.saved_before(request, write_id, view).await? else { return Ok(None) };
        self.settle(&request.session, info.snapshot_index, write_id).await?;
        // A request of the earlier attempt may have arrived where a collection had passed, or been passed just now.
        self.confirm(&request.session, info.snapshot_index, write_id, view.decisions.clone()).await?;
        Ok(Some(info))
    }

    /// Looks for a snapshot that an earlier attempt with this write id stored.
    async fn saved_before(
        &self,
        request: &SaveRequest,
        write_id: WriteId,
        view: &View,
    ) -> Result<Option<SnapshotInfo>> {
        let session = &request.session;
        let Some(head) = view.head else { return Ok(None) };
        let newest_first =
            (view.decisions.boundary..=head.get()).rev().filter_map(|n| SnapshotIndex::new(n).ok());
        let mut records = stream::iter(newest_first)
            .map(|index| async move {
                let key = key::snapshot_key(session, index);
                self.read_record(session, index, &key).await.map(|located| (index, located))
            })
            .buffered(SEARCH_WIDTH);
        while let Some(record) = records.next().await {
            let (index, located) = match record {
                // A damaged record cannot be told to be this attempt's; it stays as it is, and `verify` reports it.
                Err(error) if error.kind() == ErrorKind::Integrity => continue,
                other => other?,
            };
            let Some(located) = located.filter(|located| located.record.write_id() == write_id) else {
                continue;
            };
            let info = match &located.record {
                Record::Snapshot(header) => {
                    SnapshotInfo::new(header, located.stored_bytes, &self.options().storage_name)
                }
                // A seal has an id of its own that no save ever had; a stub keeps that of its snapshot.
                Record::Mark(_) if view.decisions.is_live(index) => {
                    self.show(&SnapshotRef { session: session.clone(), index: Some(index) }).await?
                }
                Record::Mark(_) => return Err(deleted(session, index)),
            };
            let state = request.state.clone();
            let content_hash = off_thread(state.len(), move || Ok(ContentHash::of(&state))).await?;
            if info.content_hash != content_hash {
                let message = format!(
                    "the write id {write_id} belongs to the snapshot {session}@{}, whose state is another one; nothing \
                     was saved",
                    info.snapshot_index
                );
                return Err(Error::new(ErrorKind::Conflict, "write_id_reused", message).with_hint(
                    "a write id is for saving the very same state again; leave it out for a new state",
                ));
            }
            return Ok(Some(info));
        }
        Ok(None)
    }
}
