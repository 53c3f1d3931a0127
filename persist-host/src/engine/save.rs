//! Saving: one state becomes one object, created at the first free index of its session.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::Store;
use super::errors::{no_snapshot, unknown_save};
use super::head::View;
use super::manifest::AMBIGUOUS_ATTEMPTS;
use super::objects::Created;
use crate::codec::{self, Encoded, off_thread};
use crate::format::{FORMAT_VERSION, FormatError, Header, Identity, SnapshotObject, Storage, Transform};
use crate::{
    ContentHash, Error, ErrorKind, Expect, Result, SaveRequest, SessionRef, SnapshotIndex, SnapshotInfo,
    Timestamp, WriteId, key, validate_json,
};

/// How many headers are read at once when a session is searched for a write id.
const SEARCH_WIDTH: usize = 16;

/// The pause before an ambiguous creation is tried again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// How an attempt at one index ended.
enum Attempt {
    Committed,
    /// Another writer's record holds the index. `ambiguous`: an attempt before was left open by the adapter.
    Taken {
        ambiguous: bool,
    },
}

/// Everything about a snapshot that does not depend on its index.
struct Draft {
    request: SaveRequest,
    write_id: WriteId,
    timestamp: Timestamp,
    content_hash: ContentHash,
    encoded: Encoded,
}

impl Store {
    /// Saves a state as the next snapshot of its session.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when the state is not valid JSON or the storage may not be saved to,
    /// [`ErrorKind::Conflict`] when [`SaveRequest::expect_parent`] does not hold, [`ErrorKind::OutcomeUnknown`] when the
    /// backend left open whether the snapshot was stored; otherwise what the backend or the codec reports. Except after
    /// [`ErrorKind::OutcomeUnknown`], an error means that certainly nothing was saved.
    #[tracing::instrument(level = "debug", skip_all, fields(session = %request.session, bytes = request.state.len()))]
    pub async fn save(&self, request: SaveRequest) -> Result<SnapshotInfo> {
        check_json(&request).await?;
        self.check_writable().await?;
        self.create_marker().await?;
        let mut view = None;
        if let Some(write_id) = request.write_id {
            let fresh = self.read_view(&request.session).await?;
            if let Some(info) = self.saved_before(&request, write_id, &fresh).await? {
                self.settle(&request.session, info.snapshot_index, write_id).await?;
                return Ok(info);
            }
            view = Some(fresh);
        }
        let draft = self.draft(request).await?;
        self.commit(draft, view).await
    }

    async fn draft(&self, request: SaveRequest) -> Result<Draft> {
        let codec = match &self.options().codec_name {
            Some(name) => Some(self.options().codecs.codec(name)?),
            None => None,
        };
        let state = request.state.clone();
        let hash = off_thread(state.len(), move || Ok(ContentHash::of(&state)));
        let (content_hash, encoded) = tokio::try_join!(hash, codec::encode(&request.state, codec))?;
        let write_id = request.write_id.unwrap_or_else(WriteId::random);
        Ok(Draft { request, write_id, timestamp: Timestamp::now(), content_hash, encoded })
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
        let mut headers =
            stream::iter(newest_first)
                .map(|index| async move {
                    self.read_header(session, index, &key::snapshot_key(session, index)).await
                })
                .buffered(SEARCH_WIDTH);
        while let Some(located) = headers.next().await {
            let located = match located {
                // A damaged record cannot be told to be this attempt's; it stays as it is, and `verify` reports it.
                Err(error) if error.kind() == ErrorKind::Integrity => continue,
                other => other?,
            };
            let Some(located) = located.filter(|located| located.header.storage.write_id == write_id) else {
                continue;
            };
            let info = SnapshotInfo::new(&located.header, located.stored_bytes, &self.options().storage_name);
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

    /// Makes sure that the record of an earlier attempt lasts, which that attempt may not have been able to do: asked to
    /// create what is there already, an adapter answers only when it is durable.
    async fn settle(&self, session: &SessionRef, index: SnapshotIndex, write_id: WriteId) -> Result<()> {
        let key = key::snapshot_key(session, index);
        let Some(object) = self.read(&key).await? else {
            return Err(unknown_save(session, index, write_id, None));
        };
        match self.create(&key, object).await? {
            Created::Exists | Created::Yes => Ok(()),
            Created::NotDurable(error) | Created::Ambiguous(error) | Created::Refused(error) => {
                Err(unknown_save(session, index, write_id, Some(error)))
            }
        }
    }

    /// Creates the record at the first index that is free.
    async fn commit(&self, draft: Draft, view: Option<View>) -> Result<SnapshotInfo> {
        let session = &draft.request.session;
        let mut fresh = view.is_some();
        let mut view = match view.or_else(|| self.remembered(session)) {
            Some(view) => view,
            None => {
                fresh = true;
                self.read_view(session).await?
            }
        };
        loop {
            if let Err(refusal) = check_parents(&draft.request, &view) {
                if fresh {
                    return Err(refusal);
                }
                // What this process remembers may be out of date; only what the store says now decides.
                view = self.read_view(session).await?;
                fresh = true;
                continue;
            }
            let index = view.next_index(session)?;
            let header = self.header(&draft, &mut view, index).await?;
            let object = SnapshotObject::encode(&header, &draft.encoded.bodies)
                .map_err(|error| unencodable(session, index, error))?;
            self.check_size(&object).await?;
            let stored_bytes = object.len() as u64;
            match self.create_record(session, index, draft.write_id, object).await? {
                Attempt::Committed => {
                    let decisions = self.confirm(session, index, draft.write_id, &view).await?;
                    let head_identity = Some(header.identity_digest());
                    self.remember(session, View { decisions, head: Some(index), head_identity });
                    return Ok(SnapshotInfo::new(&header, stored_bytes, &self.options().storage_name));
                }
                Attempt::Taken { ambiguous } => {
                    tracing::debug!(%index, "another writer took the index");
                    view = self.advance_view(session, view, index).await?;
                    fresh = true;
                    if ambiguous && index.get() < view.decisions.boundary {
                        // Our own record may have been there, committed, deleted and collected since.
                        return Err(unknown_save(session, index, draft.write_id, None));
                    }
                }
            }
        }
    }

    /// The header of the snapshot if it lands at `index`.
    async fn header(&self, draft: &Draft, view: &mut View, index: SnapshotIndex) -> Result<Header> {
        let request = &draft.request;
        let session = &request.session;
        let previous_identity = self.previous_identity(session, view).await?;
        let identity = Identity {
            agent_id: session.agent.clone(),
            session_id: session.session.clone(),
            snapshot_index: index,
            timestamp: draft.timestamp,
            content_hash: draft.content_hash,
            content_length: request.state.len() as u64,
            format_version: FORMAT_VERSION,
            parent: request.parent.or_else(|| view.newest()),
            previous_identity,
            media_type: request.media_type.clone().filter(|_| !request.is_json()),
            description: request.description.clone(),
            name: request.name.clone(),
            labels: request.labels.clone(),
        };
        let storage = Storage {
            write_id: draft.write_id,
            segment_start: index,
            transforms: self.options().codec_name.iter().map(Transform::named).collect(),
            frames: draft.encoded.frames.clone(),
        };
        Header::new(identity, storage).map_err(|error| unencodable(session, index, error))
    }

    /// The digest of the head's identity, which the next snapshot carries so that records form a chain.
    async fn previous_identity(&self, session: &SessionRef, view: &mut View) -> Result<Option<[u8; 32]>> {
        let Some(head) = view.head.filter(|head| head.get() >= view.decisions.boundary) else {
            return Ok(None);
        };
        if view.head_identity.is_none() {
            view.head_identity = match self
                .read_header(session, head, &key::snapshot_key(session, head))
                .await
            {
                Ok(located) => located.map(|located| located.header.identity_digest()),
                // A damaged record must not keep an agent from saving on; `verify` reports it.
                Err(error) if error.kind() == ErrorKind::Integrity => {
                    tracing::warn!(%session, index = %head, "the newest record is damaged; the chain starts anew after it");
                    None
                }
                Err(error) => return Err(error),
            };
        }
        Ok(view.head_identity)
    }

    async fn check_size(&self, object: &Bytes) -> Result<()> {
        let Some(most) = self.check_writable().await?.max_object_size else { return Ok(()) };
        if object.len() as u64 <= most {
            return Ok(());
        }
        let message = format!(
            "the snapshot takes {} bytes and the storage {:?} holds at most {most} an object; nothing was saved",
            object.len(),
            self.options().storage_name
        );
        Err(Error::new(ErrorKind::InvalidInput, "object_too_large", message))
    }

    /// Creates the record and, whenever the adapter leaves the outcome open, reads it back: who wrote it is decided by
    /// the write id that is stored, never by what the adapter answered.
    async fn create_record(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        write_id: WriteId,
        object: Bytes,
    ) -> Result<Attempt> {
        let key = key::snapshot_key(session, index);
        let mut open = None;
        let mut pause = FIRST_PAUSE;
        for attempt in 0..AMBIGUOUS_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            match self.create(&key, object.clone()).await? {
                Created::Yes => return Ok(Attempt::Committed),
                Created::Refused(error) if open.is_none() => {
                    let attempt = format!("cannot save the snapshot {session}@{index}");
                    return Err(Error::from_adapter(attempt, error).with_context("key", &key));
                }
                Created::Exists => {}
                Created::NotDurable(error) => {
                    return Err(unknown_save(session, index, write_id, Some(error)));
                }
                Created::Ambiguous(error) | Created::Refused(error) => {
                    tracing::debug!(%key, %error, "reading back after an ambiguous outcome");
                    open = Some(error);
                }
            }
            match self.read_header(session, index, &key).await {
                Ok(Some(found)) if found.header.storage.write_id == write_id => {
                    return Ok(Attempt::Committed);
                }
                Ok(Some(_)) => return Ok(Attempt::Taken { ambiguous: open.is_some() }),
                Ok(None) => {}
                // Occupied by something unreadable: certainly not by what was just sent, unless it was never certain.
                Err(error) if open.is_none() && error.kind() == ErrorKind::Integrity => {
                    return Ok(Attempt::Taken { ambiguous: false });
                }
                Err(error) => {
                    return Err(unknown_save(session, index, write_id, open).with_context("read_back", error));
                }
            }
        }
        Err(unknown_save(session, index, write_id, open))
    }

    /// After the record exists: it counts only if no collection passed its index meanwhile.
    async fn confirm(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        write_id: WriteId,
        view: &View,
    ) -> Result<super::manifest::Decisions> {
        let confirmed = self.read_decisions(session, Some(view.decisions.clone())).await;
        match confirmed {
            Ok(decisions) if index.get() >= decisions.boundary => Ok(decisions),
            Ok(_) => Err(unknown_save(session, index, write_id, None)),
            Err(error) => Err(unknown_save(session, index, write_id, None).with_source(error)),
        }
    }
}

/// Refuses a state that claims to be JSON and is not.
async fn check_json(request: &SaveRequest) -> Result<()> {
    if !request.is_json() {
        return Ok(());
    }
    let (state, session) = (request.state.clone(), request.session.clone());
    off_thread(state.len(), move || {
        validate_json(&state).map_err(|error| {
            let message = format!("the state for {session} is not valid JSON; nothing was saved");
            Error::new(ErrorKind::InvalidInput, "invalid_json", message)
                .with_context("line", error.line)
                .with_context("column", error.column)
                .with_source(error)
                .with_hint("name the state's media type if it is not meant to be JSON")
        })
    })
    .await
}

/// Checks the caller's conditions against what is known of the session.
fn check_parents(request: &SaveRequest, view: &View) -> Result<()> {
    let session = &request.session;
    let newest = view.newest();
    let holds = match request.expect_parent {
        Expect::Any => true,
        Expect::Empty => newest.is_none(),
        // Everything after the expected parent may be deleted; then it is the newest that is left, or was.
        Expect::Index(parent) => {
            view.head.is_some_and(|head| head >= parent) && newest.is_none_or(|newest| newest <= parent)
        }
    };
    if !holds {
        let show =
            |index: Option<SnapshotIndex>| index.map_or_else(|| "none".to_owned(), |index| index.to_string());
        let expected = match request.expect_parent {
            Expect::Index(index) => Some(index),
            Expect::Any | Expect::Empty => None,
        };
        let message = format!(
            "the newest snapshot of {session} is {}, expected {}; nothing was saved",
            show(newest),
            show(expected)
        );
        return Err(Error::new(ErrorKind::Conflict, "parent_conflict", message)
            .with_context("expected_index", show(expected))
            .with_context("found_index", show(newest))
            .with_hint("restore the newest snapshot, apply the change to it, and save again"));
    }
    match request.parent {
        Some(parent) if view.head.is_none_or(|head| head < parent) => {
            Err(no_snapshot(session, parent, view.head.map_or(0, SnapshotIndex::get)))
        }
        Some(parent) if !view.decisions.is_live(parent) => Err(super::errors::deleted(session, parent)),
        _ => Ok(()),
    }
}

fn unencodable(session: &SessionRef, index: SnapshotIndex, error: FormatError) -> Error {
    let message = format!("the snapshot {session}@{index} cannot be written; nothing was saved");
    Error::new(ErrorKind::InvalidInput, "cannot_be_encoded", message).with_source(error)
}
