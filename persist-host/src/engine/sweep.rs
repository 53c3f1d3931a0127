//! Sweeping: removing what a manifest has already decided to be gone. Anyone may do it at any time, also with a
//! manifest that is out of date, because nothing that a manifest gave up ever comes back.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use persist_plugin_api::{ListRequest, ObjectMeta};

use super::Store;
use super::collect::Collected;
use super::errors::unreadable;
use super::manifest::Decisions;
use crate::format::{Mark, MarkKind, Moved, Record};
use crate::{Result, SessionRef, SnapshotIndex, key};

/// How many removals run at once.
const REMOVALS_AT_ONCE: usize = 16;

impl Store {
    /// Removes everything of a session that the decisions have given up.
    pub(super) async fn sweep(&self, session: &SessionRef, decisions: &Decisions) -> Result<Collected> {
        let mut collected = Collected {
            storage_keeps_versions: self.check_writable().await?.keeps_versions,
            ..Collected::default()
        };
        let mut garbage = self.records_below(session, decisions).await?;
        garbage.extend(self.unnamed_rewrites(session, decisions).await?);
        garbage.extend(self.dead_attachments(session, decisions).await?);
        let mut removals = stream::iter(garbage)
            .map(|object| async move { self.remove(&object.key).await.map(|()| object.size) })
            .buffer_unordered(REMOVALS_AT_ONCE);
        while let Some(size) = removals.try_next().await? {
            collected.freed_objects += 1;
            collected.freed_bytes += size;
        }
        drop(removals);
        self.replace_by_stubs(session, decisions, &mut collected).await?;
        Ok(collected)
    }

    async fn records_below(&self, session: &SessionRef, decisions: &Decisions) -> Result<Vec<ObjectMeta>> {
        let prefix = key::snapshot_prefix(session);
        let mut below = Vec::new();
        let mut request = ListRequest::directory(prefix.as_str());
        loop {
            let page = self.list_page(request.clone()).await?;
            below.extend(page.objects.into_iter().filter(|object| {
                let name = object.key.strip_prefix(&prefix).unwrap_or_default();
                key::parse_index(name).is_some_and(|index| index.get() < decisions.boundary)
            }));
            if page.next.is_none() {
                return Ok(below);
            }
            request = request.continued(page.next);
        }
    }

    /// Rewritten snapshots that no manifest names, or none any more. A generation that is to be named by a later
    /// manifest may still be in the making.
    async fn unnamed_rewrites(&self, session: &SessionRef, decisions: &Decisions) -> Result<Vec<ObjectMeta>> {
        let prefix = key::generations_prefix(session);
        let objects = self.list_below(&prefix).await?;
        Ok(objects
            .into_iter()
            .filter(|object| {
                let Some((generation, index)) = key::parse_rewritten(&prefix, &object.key) else {
                    return false;
                };
                generation.seq <= decisions.seq && decisions.place(index) != Some(generation)
            })
            .collect())
    }

    /// Attachments of snapshots that are deleted or collected.
    async fn dead_attachments(&self, session: &SessionRef, decisions: &Decisions) -> Result<Vec<ObjectMeta>> {
        let prefix = key::attachments_prefix(session);
        let objects = self.list_below(&prefix).await?;
        Ok(objects
            .into_iter()
            .filter(|object| {
                let rest = object.key.strip_prefix(&prefix).unwrap_or_default();
                let index = rest.split('/').next().and_then(key::parse_index);
                index.is_some_and(|index| !decisions.is_live(index))
            })
            .collect())
    }

    /// All objects below a prefix.
    pub(super) async fn list_below(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
        let mut objects = Vec::new();
        let mut request = ListRequest::below(prefix);
        loop {
            let page = self.list_page(request.clone()).await?;
            objects.extend(page.objects);
            if page.next.is_none() {
                return Ok(objects);
            }
            request = request.continued(page.next);
        }
    }

    /// Replaces the records of rewritten and erased snapshots by stubs: their indices stay occupied, so that no request
    /// that was sent long ago can bring the old content back.
    async fn replace_by_stubs(
        &self,
        session: &SessionRef,
        decisions: &Decisions,
        collected: &mut Collected,
    ) -> Result<()> {
        let rewritten = decisions.generations.iter().flat_map(|(_, indices)| indices.iter());
        let mut replaced = stream::iter(rewritten.chain(decisions.gone.iter()))
            .map(|index| self.replace_by_stub(session, index, decisions))
            .buffer_unordered(REMOVALS_AT_ONCE);
        while let Some(freed) = replaced.try_next().await? {
            if let Some(bytes) = freed {
                collected.freed_objects += 1;
                collected.freed_bytes += bytes;
            }
        }
        Ok(())
    }

    async fn replace_by_stub(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        decisions: &Decisions,
    ) -> Result<Option<u64>> {
        let key = key::snapshot_key(session, index);
        let Some(located) = self.read_record(session, index, &key).await? else { return Ok(None) };
        let Record::Snapshot(header) = &located.record else { return Ok(None) };
        let moved = match decisions.place(index) {
            None => None,
            Some(generation) => {
                let rewritten = key::rewritten_key(session, generation, index);
                let rewritten = self.read_record(session, index, &rewritten).await?;
                let header = rewritten.and_then(|located| located.record.into_snapshot());
                let delta = header.and_then(|header| header.storage.delta);
                Some(Moved { generation, ancestors: delta.map_or_else(Vec::new, |delta| delta.ancestors) })
            }
        };
        let stub = Mark {
            session: session.clone(),
            snapshot_index: index,
            timestamp: header.identity.timestamp,
            write_id: header.storage.write_id,
            segment_start: header.storage.segment_start,
            kind: MarkKind::Stub { identity_digest: header.identity_digest(), moved },
        };
        let what = format!("the stub {session}@{index}");
        let stub = stub.encode().map_err(|error| unreadable(&what, &key, error))?;
        let freed = located.stored_bytes.saturating_sub(stub.len() as u64);
        self.overwrite(&key, stub).await?;
        Ok(Some(freed))
    }
}
