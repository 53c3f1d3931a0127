//! Statistics: what a session takes, and what of it is no longer needed.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use persist_plugin_api::ListRequest;
use serde::Serialize;

use super::Store;
use super::fetch::Reading;
use super::manifest::Decisions;
use super::objects::Located;
use crate::format::Record;
use crate::observe::Operation;
use crate::{ErrorKind, Result, SessionRef, SnapshotIndex, key};

/// How many headers of a session are read at once.
const HEADERS_AT_ONCE: usize = 16;

/// What a session holds and takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionStats {
    /// Snapshots that can be restored.
    pub snapshots: u64,
    /// The length of their states, in bytes.
    pub raw_bytes: u64,
    /// The length of every object of the session, in bytes: snapshots, deleted ones and what stands for them, manifests,
    /// attachments and names.
    pub stored_bytes: u64,
    /// How many objects those are.
    pub objects: u64,
    /// Deleted snapshots whose content still lies in the store.
    pub deleted_snapshots: u64,
    /// The length of their objects, in bytes.
    pub deleted_bytes: u64,
    /// Segments that snapshots lie in: full ones, each with the deltas that build on it.
    pub segments: u64,
    /// Records that are damaged or missing, which nothing above counts but as objects.
    pub unreadable: u64,
}

/// What one index counts for.
enum Counted {
    Snapshot { length: u64, segment_start: SnapshotIndex },
    Deleted { stored_bytes: u64 },
    Unreadable,
    Nothing,
}

impl Store {
    /// Counts what a session holds and takes. It lists the session's objects and reads the headers of its snapshots;
    /// memory does not grow with their number. A session that does not exist holds no objects.
    ///
    /// Each figure is of the moment when it was counted; writers may go on meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the session's decisions cannot be read; otherwise what the backend reports. A
    /// snapshot that cannot be read is counted as such.
    pub async fn stats(&self, session: &SessionRef) -> Result<SessionStats> {
        let operation = self.operation(Operation::Stats, session);
        let work = async {
            self.open_marker().await?;
            let (mut stats, last) = self.count_objects(session).await?;
            let Some(last) = last else { return Ok(stats) };
            let decisions = &self.read_decisions(session, None).await?;
            let indices =
                (decisions.boundary..=last.get()).filter_map(|number| SnapshotIndex::new(number).ok());
            let mut counted = stream::iter(indices)
                .map(|index| self.count_index(session, index, decisions))
                .buffered(HEADERS_AT_ONCE);
            let mut newest_segment = None;
            while let Some(counted) = counted.try_next().await? {
                match counted {
                    Counted::Snapshot { length, segment_start } => {
                        stats.snapshots += 1;
                        stats.raw_bytes += length;
                        // Segments follow one another, so a new one is one that differs from the last.
                        if newest_segment.replace(segment_start) != Some(segment_start) {
                            stats.segments += 1;
                        }
                    }
                    Counted::Deleted { stored_bytes } => {
                        stats.deleted_snapshots += 1;
                        stats.deleted_bytes += stored_bytes;
                    }
                    Counted::Unreadable => stats.unreadable += 1,
                    Counted::Nothing => {}
                }
            }
            Ok(stats)
        };
        operation.run(work).await
    }

    /// The number and length of a session's objects, and the highest index among them.
    async fn count_objects(&self, session: &SessionRef) -> Result<(SessionStats, Option<SnapshotIndex>)> {
        let snapshots = key::snapshot_prefix(session);
        let mut stats = SessionStats::default();
        let mut last = None;
        let mut request = ListRequest::below(key::session_prefix(session));
        loop {
            let page = self.list_page(request.clone()).await?;
            for object in &page.objects {
                stats.objects += 1;
                stats.stored_bytes += object.size;
                last = last.max(object.key.strip_prefix(&snapshots).and_then(key::parse_index));
            }
            if page.next.is_none() {
                return Ok((stats, last));
            }
            request = request.continued(page.next);
        }
    }

    async fn count_index(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        decisions: &Decisions,
    ) -> Result<Counted> {
        let found = self.read_record(session, index, &key::snapshot_key(session, index)).await;
        let counted = if decisions.is_live(index) {
            match self.locate(session, index, found, decisions.clone()).await {
                Ok(Reading::Found(live)) => Ok(Counted::Snapshot {
                    length: live.header.identity.content_length,
                    segment_start: live.header.storage.segment_start,
                }),
                Ok(Reading::NoSnapshot) => Ok(Counted::Nothing),
                Ok(Reading::Nothing) => Ok(Counted::Unreadable),
                // Deleted meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Counted::Nothing),
                Err(error) => Err(error),
            }
        } else {
            self.count_deleted(session, index, found, decisions).await
        };
        match counted {
            Err(error) if error.kind() == ErrorKind::Integrity => Ok(Counted::Unreadable),
            counted => counted,
        }
    }

    /// What a deleted snapshot still takes, here or where it was rewritten.
    async fn count_deleted(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        found: Result<Option<Located>>,
        decisions: &Decisions,
    ) -> Result<Counted> {
        let located = match decisions.place(index) {
            Some(generation) => {
                self.read_record(session, index, &key::rewritten_key(session, generation, index)).await?
            }
            None => found?,
        };
        Ok(match located {
            Some(Located { record: Record::Snapshot(_), stored_bytes }) => Counted::Deleted { stored_bytes },
            _ => Counted::Nothing,
        })
    }
}
