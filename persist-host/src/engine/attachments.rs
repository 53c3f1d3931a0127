//! Attachments: small named objects of a snapshot, written beside it at any time while it lives.
//!
//! A version is created once and the highest one counts. Version 0 stays as long as its snapshot does, so that creating
//! it answers whether the name is taken; versions between it and the highest may go.

mod check;
mod compare;
mod put;
mod read;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::errors::deleted;
use super::{Position, Store, purpose};
use crate::observe::Operation;
use crate::{
    AttachRequest, AttachmentInfo, AttachmentName, Error, ErrorKind, Result, SessionRef, SnapshotIndex,
    SnapshotRef, key,
};
use put::{Draft, Existing};

/// How many attachments of a snapshot are read or copied at once.
const ATTACHMENTS_AT_ONCE: usize = 16;

/// Of how many snapshots attachments are read at once.
const SNAPSHOTS_AT_ONCE: usize = 8;

/// Where the versions of one attachment lie.
struct Place {
    session: SessionRef,
    index: SnapshotIndex,
    name: AttachmentName,
    prefix: String,
}

impl Place {
    fn new(session: &SessionRef, index: SnapshotIndex, name: &AttachmentName) -> Self {
        let prefix = key::attachment_prefix(session, index, name);
        Self { session: session.clone(), index, name: name.clone(), prefix }
    }

    fn describe(&self) -> String {
        let Self { session, index, name, .. } = self;
        format!("attachment {:?} of the snapshot {session}@{index}", name.as_str())
    }
}

impl Store {
    /// Attaches content to a snapshot. It is durable when this returns, and it goes when the snapshot is deleted.
    ///
    /// Whatever failed, the same request can be made again: equal content is never kept twice.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such snapshot, [`ErrorKind::Conflict`] when the name is taken and
    /// [`AttachMode::Once`](crate::AttachMode::Once) was asked for, [`ErrorKind::OutcomeUnknown`] when the backend left open whether it was
    /// stored; otherwise what the backend or the codec reports.
    pub async fn attach(&self, request: AttachRequest) -> Result<AttachmentInfo> {
        let operation = self.operation(Operation::Attach, &request.snapshot);
        let work = async {
            self.open_marker().await?;
            self.check_writable().await?;
            let session = &request.snapshot.session;
            let index = match request.snapshot.index {
                // What this process has just saved need not be looked for.
                Some(index) if self.remembered(session).is_some_and(|view| view.newest == Some(index)) => {
                    index
                }
                _ => self.show(&request.snapshot).await?.snapshot_index,
            };
            let place = Place::new(session, index, &request.name);
            let draft = Draft::new(request.content, request.media_type);
            Ok(self.put_attachment(&place, &draft, Existing::Mode(request.mode)).await?.0)
        };
        operation.run(work).await
    }

    /// The attachments of a live snapshot, in the order of their names. Headers are read, contents are not.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such snapshot, [`ErrorKind::Integrity`] when a header is damaged;
    /// otherwise what the backend reports.
    pub async fn attachments(&self, reference: &SnapshotRef) -> Result<Vec<AttachmentInfo>> {
        let operation = self.operation(Operation::Attachments, reference);
        let work = async {
            self.open_marker().await?;
            let (session, index) = (&reference.session, self.index_of(reference).await?);
            let listed = self.list_attachments(session, index).await?;
            let newest = listed.into_iter().map(|(prefix, version)| async move {
                let newest = self.newest_version(&prefix, Some(version)).await?;
                Ok::<_, Error>(newest.map(|newest| newest.info()))
            });
            let newest = stream::iter(newest).buffer_unordered(ATTACHMENTS_AT_ONCE);
            let mut attachments: Vec<AttachmentInfo> =
                newest.try_filter_map(|found| std::future::ready(Ok(found))).try_collect().await?;
            // After all that was read: a deletion may have taken some of it away meanwhile.
            self.expect_live(session, index).await?;
            attachments.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            Ok(attachments)
        };
        operation.run(work).await
    }

    /// Gives back the newest version of an attachment; every byte that was read has been checked.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such snapshot or attachment, [`ErrorKind::Integrity`] when its object
    /// is damaged, [`ErrorKind::Plugin`] when its codec is not installed; otherwise what the backend reports.
    pub async fn read_attachment(
        &self,
        reference: &SnapshotRef,
        name: &AttachmentName,
    ) -> Result<(AttachmentInfo, Bytes)> {
        let operation = self.operation(Operation::ReadAttachment, reference);
        let work = async {
            self.open_marker().await?;
            let index = self.index_of(reference).await?;
            let place = Place::new(&reference.session, index, name);
            let found = purpose::consulting(|| self.load_newest(&place.prefix)).await;
            // Of a snapshot that is deleted, it does not matter what is damaged.
            self.expect_live(&reference.session, index).await?;
            found?.ok_or_else(|| {
                let message = format!("there is no {}", place.describe());
                Error::new(ErrorKind::NotFound, "attachment_not_found", message).with_hint(format!(
                    "`persist attachment list {}@{index}` shows what there is",
                    place.session
                ))
            })
        };
        operation.run(work).await
    }

    /// The attachments of a live snapshot with their contents, in the order of their names; every byte that was read has
    /// been checked.
    ///
    /// # Errors
    /// As [`Store::read_attachment`].
    pub async fn read_attachments(&self, reference: &SnapshotRef) -> Result<Vec<(AttachmentInfo, Bytes)>> {
        let operation = self.operation(Operation::ReadAttachments, reference);
        let work = async {
            self.open_marker().await?;
            let (session, index) = (&reference.session, self.index_of(reference).await?);
            let loaded = self.load_attachments(session, index).await;
            // Of a snapshot that is deleted, it does not matter what is damaged.
            self.expect_live(session, index).await?;
            loaded
        };
        operation.run(work).await
    }

    /// The attachments of several live snapshots of a session with their contents, as [`Store::read_attachments`] gives
    /// those of one. An error stands in the place of a snapshot that was deleted or whose attachments cannot be read;
    /// where none was ever saved, there are no attachments.
    ///
    /// # Errors
    /// What the backend reports when nothing can be read.
    pub async fn read_attachments_of(
        &self,
        session: &SessionRef,
        indices: &[SnapshotIndex],
    ) -> Result<Vec<Result<Vec<(AttachmentInfo, Bytes)>>>> {
        let operation = self.operation(Operation::ReadAttachments, session);
        let work = async {
            self.open_marker().await?;
            let loads = indices.iter().copied().map(|index| self.load_attachments(session, index));
            let mut loaded: Vec<_> = stream::iter(loads).buffered(SNAPSHOTS_AT_ONCE).collect().await;
            // After all that was read: a deletion that was acknowledged before is then certainly seen.
            let decisions = self.read_decisions(session, None).await?;
            for (index, loaded) in indices.iter().zip(&mut loaded) {
                if !decisions.is_live(*index) {
                    *loaded = Err(deleted(session, *index));
                }
            }
            Ok(loaded)
        };
        operation.run(work).await
    }

    /// Where a session stands, and the attachments of one of its snapshots with their contents: all that can change about
    /// a snapshot that the caller has read before. What is attached to a snapshot that was deleted may be missing; the
    /// position tells of the deletion.
    ///
    /// # Errors
    /// As [`Store::read_attachment`], except that the snapshot need not be there.
    pub async fn glance(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
    ) -> Result<(Position, Vec<(AttachmentInfo, Bytes)>)> {
        let operation = self.operation(Operation::Glance, session);
        let work = async { tokio::try_join!(self.position(session), self.load_attachments(session, index)) };
        operation.run(work).await
    }

    /// The attachments that lie at a snapshot, whether or not it is live.
    async fn load_attachments(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
    ) -> Result<Vec<(AttachmentInfo, Bytes)>> {
        purpose::consulting(|| self.load_attachments_once(session, index)).await
    }

    async fn load_attachments_once(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
    ) -> Result<Vec<(AttachmentInfo, Bytes)>> {
        let listed = self.list_attachments(session, index).await?;
        let loads = listed.into_iter().map(|(prefix, version)| async move {
            // Usually the listing is right; only where the version has gone meanwhile is it looked for.
            match self.load_listed(&prefix, version).await? {
                Some(found) => Ok::<_, Error>(Some(found)),
                None => self.load_newest(&prefix).await,
            }
        });
        let mut attachments: Vec<_> = stream::iter(loads)
            .buffer_unordered(ATTACHMENTS_AT_ONCE)
            .try_filter_map(|found| std::future::ready(Ok(found)))
            .try_collect()
            .await?;
        attachments.sort_unstable_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(attachments)
    }

    /// Copies the newest version of each attachment of a live snapshot to the same snapshot in another store, checking
    /// every content on the way. What is there already with the same content is passed over, so that a copy that was
    /// interrupted can be run again. What an earlier copy wrote, or has the content of a version that this store still
    /// has, is replaced; what was attached there itself is not. Returns how many were written.
    ///
    /// # Errors
    /// As [`Store::read_attachment`] and [`Store::attach`]; [`ErrorKind::Conflict`] with the code `copy_diverged` for an
    /// attachment that the other store has with a content of its own.
    pub async fn copy_attachments(
        &self,
        to: &Self,
        session: &SessionRef,
        index: SnapshotIndex,
    ) -> Result<u64> {
        let operation = self.operation(Operation::CopyAttachments, session);
        let work = async {
            let reference = SnapshotRef { session: session.clone(), index: Some(index) };
            let attachments = self.attachments(&reference).await?;
            if attachments.is_empty() {
                return Ok(0);
            }
            to.check_marker().await?;
            to.create_marker().await?;
            let copies = attachments.into_iter().map(|info| async move {
                let place = Place::new(session, index, &info.name);
                let Some((info, content)) = self.load_newest(&place.prefix).await? else {
                    // It can have gone only with its snapshot.
                    return Err(deleted(session, index));
                };
                let draft = Draft::copied(&place, &info, content);
                Ok(u64::from(to.put_attachment(&place, &draft, Existing::CopiedFrom(self)).await?.1))
            });
            stream::iter(copies)
                .buffer_unordered(ATTACHMENTS_AT_ONCE)
                .try_fold(0, |sum, one| async move { Ok(sum + one) })
                .await
        };
        operation.run(work).await
    }

    async fn index_of(&self, reference: &SnapshotRef) -> Result<SnapshotIndex> {
        match reference.index {
            Some(index) => Ok(index),
            None => Ok(self.show(reference).await?.snapshot_index),
        }
    }

    /// Attachments count only while their snapshot is live.
    async fn expect_live(&self, session: &SessionRef, index: SnapshotIndex) -> Result<()> {
        self.find_live(session, index).await.map(drop)
    }
}
