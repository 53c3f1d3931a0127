//! Comparing the attachments of a session with those of its copy, by their headers.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures_util::future::try_join;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::super::Store;
use super::ATTACHMENTS_AT_ONCE;
use super::read::Version;
use crate::{AttachmentName, ContentHash, Result, SessionRef, SnapshotIndex, key};

impl Store {
    /// An attachment of a snapshot that counts that the other store has not, or with another content. With `extra`, also
    /// one that only the other store has.
    pub(in super::super) async fn different_attachment(
        &self,
        to: &Self,
        session: &SessionRef,
        counts: &(impl Fn(SnapshotIndex) -> bool + Sync),
        extra: bool,
    ) -> Result<Option<(SnapshotIndex, AttachmentName)>> {
        let listed = try_join(self.highest_versions(session, counts), to.highest_versions(session, counts));
        let (source, target) = listed.await?;
        let extra = target.keys().filter(|_| extra);
        // Borrowed from the maps they would keep the future from being `Send`: the closure below is not general enough.
        let prefixes: BTreeSet<String> = source.keys().chain(extra).cloned().collect();
        let (source, target) = (&source, &target);
        let pairs = stream::iter(prefixes).map(|prefix| async move {
            try_join(
                self.version_of(&prefix, source.get(&prefix).copied()),
                to.version_of(&prefix, target.get(&prefix).copied()),
            )
            .await
        });
        let mut pairs = pin!(pairs.buffered(ATTACHMENTS_AT_ONCE));
        while let Some((here, there)) = pairs.try_next().await? {
            if told(&here) != told(&there)
                && let Some(found) = here.or(there)
            {
                return Ok(Some((found.attachment.snapshot_index, found.attachment.name)));
            }
        }
        Ok(None)
    }

    async fn version_of(&self, prefix: &str, listed: Option<u64>) -> Result<Option<Version>> {
        match listed {
            Some(version) => self.newest_version(prefix, Some(version)).await,
            None => Ok(None),
        }
    }

    /// The highest version of each attachment of the session's snapshots that count, by the attachment's prefix.
    async fn highest_versions(
        &self,
        session: &SessionRef,
        counts: &(impl Fn(SnapshotIndex) -> bool + Sync),
    ) -> Result<BTreeMap<String, u64>> {
        let all = key::attachments_prefix(session);
        let mut highest = BTreeMap::new();
        for object in self.list_below(&all).await? {
            let snapshot = object.key.strip_prefix(&all).and_then(|rest| rest.split('/').next());
            let Some(index) = snapshot.and_then(key::parse_index).filter(|index| counts(*index)) else {
                continue;
            };
            let prefix = key::snapshot_attachments_prefix(session, index);
            if let Some((attachment, version)) = key::parse_version(&prefix, &object.key) {
                let known = highest.entry(attachment.to_owned()).or_insert(version);
                *known = version.max(*known);
            }
        }
        Ok(highest)
    }
}

/// What an attachment is, wherever it is stored.
fn told(version: &Option<Version>) -> Option<(ContentHash, &str)> {
    let attachment = &version.as_ref()?.attachment;
    Some((attachment.content_hash, attachment.media_type()))
}
