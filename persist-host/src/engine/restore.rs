//! Restoring and showing one snapshot.

use bytes::Bytes;

use super::Store;
use super::errors::{damaged, deleted, missing, no_session, no_snapshot, unreadable};
use super::manifest::Decisions;
use crate::codec::{self, off_thread};
use crate::format::{FormatError, Header, SnapshotObject};
use crate::{Error, ErrorKind, Restored, Result, SessionRef, SnapshotIndex, SnapshotInfo, SnapshotRef, key};

impl Store {
    /// Gives back a snapshot's state, byte for byte; every byte that was read has been checked.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the snapshot does not exist or was deleted, [`ErrorKind::Integrity`] when its object
    /// is damaged or gone, [`ErrorKind::Plugin`] when its codec is not installed; otherwise what the backend reports.
    #[tracing::instrument(level = "debug", skip_all, fields(snapshot = %reference))]
    pub async fn restore(&self, reference: &SnapshotRef) -> Result<Restored> {
        self.open_marker().await?;
        let session = &reference.session;
        let (index, known) = self.resolve(reference).await?;
        let key = key::snapshot_key(session, index);
        let Some(object) = self.read(&key).await? else {
            return Err(self.explain_absence(session, index, &key).await);
        };
        // After the object's answer: a deletion that was acknowledged before this restore began is then certainly seen.
        self.check_live(session, index, known).await?;
        let stored_bytes = object.len() as u64;
        let (header, state) = self.decode_object(session, index, &key, object).await?;
        let info = SnapshotInfo::new(&header, stored_bytes, &self.options().storage_name);
        Ok(Restored { info, state })
    }

    /// Reads a snapshot's metadata, without its state.
    ///
    /// # Errors
    /// As [`restore`](Store::restore), as far as the object's header goes.
    #[tracing::instrument(level = "debug", skip_all, fields(snapshot = %reference))]
    pub async fn show(&self, reference: &SnapshotRef) -> Result<SnapshotInfo> {
        self.open_marker().await?;
        let session = &reference.session;
        let (index, known) = self.resolve(reference).await?;
        let key = key::snapshot_key(session, index);
        let Some(located) = self.read_header(session, index, &key).await? else {
            return Err(self.explain_absence(session, index, &key).await);
        };
        self.check_live(session, index, known).await?;
        Ok(SnapshotInfo::new(&located.header, located.stored_bytes, &self.options().storage_name))
    }

    /// The index that a reference means, and the decisions that were read to find out.
    async fn resolve(&self, reference: &SnapshotRef) -> Result<(SnapshotIndex, Option<Decisions>)> {
        if let Some(index) = reference.index {
            return Ok((index, None));
        }
        let view = self.read_view(&reference.session).await?;
        let newest = view.newest().ok_or_else(|| no_session(&reference.session))?;
        Ok((newest, Some(view.decisions)))
    }

    /// Reads the decisions to their end, from those that are known on, and refuses a snapshot that was deleted.
    async fn check_live(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        known: Option<Decisions>,
    ) -> Result<()> {
        let decisions = self.read_decisions(session, known).await?;
        if decisions.is_live(index) { Ok(()) } else { Err(deleted(session, index)) }
    }

    /// Why a snapshot's object is not there: deleted, never written, or lost.
    async fn explain_absence(&self, session: &SessionRef, index: SnapshotIndex, key: &str) -> Error {
        match self.read_view(session).await {
            Err(error) => error,
            Ok(view) => match view.head {
                None => no_session(session),
                Some(_) if !view.decisions.is_live(index) => deleted(session, index),
                Some(head) if index <= head => missing(session, index, key),
                Some(head) => no_snapshot(session, index, head.get()),
            },
        }
    }

    /// Checks a whole object and decodes its state.
    pub(super) async fn decode_object(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        key: &str,
        object: Bytes,
    ) -> Result<(Header, Bytes)> {
        let what = format!("the snapshot {session}@{index}");
        let parsed = off_thread(object.len(), move || Ok(SnapshotObject::parse(object))).await?;
        let object = parsed.map_err(|error| unreadable(&what, key, error))?;
        let header = object.header();
        header.expect_identity(session, index).map_err(|error| unreadable(&what, key, error))?;
        let codec = match &header.storage.transforms[..] {
            [] => None,
            [codec] => Some(self.options().codecs.codec(&codec.name)?),
            more => {
                let newer = FormatError::UnknownFeature {
                    name: format!("{} transforms", more.len()),
                    release: "newer than this one".to_owned(),
                };
                return Err(unreadable(&what, key, newer));
            }
        };
        let frames = object.frames().map(|(frame, body)| (frame.clone(), body)).collect();
        let state = codec::decode(frames, header.identity.content_length, codec).await;
        let state = state.map_err(|error| match error.kind() {
            // The object's own hash was right, so damage met here was written that way or is the codec's doing.
            ErrorKind::Integrity => damaged(&what, key).with_source(error),
            _ => error,
        })?;
        let header = object.into_header();
        off_thread(state.len(), move || {
            let checked = header.expect_content(&state);
            Ok(checked.map(|()| (header, state)))
        })
        .await?
        .map_err(|error| unreadable(&what, key, error))
    }
}
