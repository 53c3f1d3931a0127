//! Sweeping: removing what a manifest has already decided to be gone. Anyone may do it at any time, also with a
//! manifest that is out of date, because nothing that a manifest gave up ever comes back.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use persist_plugin_api::{ListRequest, ObjectMeta};

use super::Store;
use super::collect::Collected;
use super::errors::{missing, unreadable};
use super::manifest::Decisions;
use crate::format::{IndexSet, Mark, MarkKind, Moved, Record};
use crate::{ErrorKind, Result, SessionRef, SnapshotIndex, key};

/// How many removals run at once.
const REMOVALS_AT_ONCE: usize = 16;

impl Store {
    /// Removes everything of a session that the decisions have given up. Damaged records are left as they are, and
    /// counted together with the `unreadable` ones that were met before.
    pub(super) async fn sweep(
        &self,
        session: &SessionRef,
        decisions: &Decisions,
        unreadable: IndexSet,
    ) -> Result<Collected> {
        let mut collected = Collected::default();
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
        self.replace_by_stubs(session, decisions, unreadable, &mut collected).await?;
        // Asked afterwards: some storages show only by the answer to a deletion that they keep what was deleted.
        collected.storage_keeps_versions = self.ask_capabilities().await?.keeps_versions;
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

    /// Rewritten snapshots that no manifest names, or none any more, and those that are erased. A generation that is to be named by a later
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
                let named = decisions.place(index) == Some(generation) && !decisions.gone.contains(index);
                generation.seq <= decisions.seq && !named
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
        mut unreadable: IndexSet,
        collected: &mut Collected,
    ) -> Result<()> {
        let rewritten = decisions.generations.iter().flat_map(|(_, indices)| indices.iter());
        // Collected, because a future that holds the iterator could not be spawned.
        let replaceable: Vec<SnapshotIndex> = rewritten.chain(decisions.gone.iter()).collect();
        let mut replaced = stream::iter(replaceable)
            .map(|index| async move { (index, self.replace_by_stub(session, index, decisions).await) })
            .buffer_unordered(REMOVALS_AT_ONCE);
        while let Some((index, freed)) = replaced.next().await {
            match freed {
                Ok(Some(bytes)) => {
                    collected.freed_objects += 1;
                    collected.freed_bytes += bytes;
                }
                Ok(None) => {}
                // What it was cannot be told any more, so nothing can be written in its place.
                Err(error) if error.kind() == ErrorKind::Integrity => {
                    unreadable.insert(index);
                }
                Err(error) => return Err(error),
            }
        }
        collected.unreadable = unreadable.len();
        Ok(())
    }

    /// The bytes that it freed; `None` when there was nothing to replace.
    async fn replace_by_stub(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        decisions: &Decisions,
    ) -> Result<Option<u64>> {
        let key = key::snapshot_key(session, index);
        let Some(located) = self.read_record(session, index, &key).await? else { return Ok(None) };
        let Record::Snapshot(header) = &located.record else { return Ok(None) };
        let moved = match decisions.place(index).filter(|_| !decisions.gone.contains(index)) {
            None => None,
            Some(generation) => {
                let rewritten_key = key::rewritten_key(session, generation, index);
                // Without its rewritten form, the old one is the last that there is.
                let rewritten = self.read_record(session, index, &rewritten_key).await?;
                let rewritten = rewritten.ok_or_else(|| missing(session, index, &rewritten_key))?;
                let header = rewritten.record.into_snapshot();
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
