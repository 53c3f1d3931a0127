//! Saving: one state becomes one object, created at the first free index of its session.

use std::sync::Arc;

use bytes::Bytes;
use tracing::Instrument as _;

use super::Store;
use super::cache::{Put, Warm};
use super::commit::Attempt;
use super::encode::Body;
use super::errors::{no_snapshot, unknown_save};
use super::head::View;
use crate::codec::{ahead_of_need, off_thread, started};
use crate::fingerprint::{self, Fingerprint, HashPass, Hashed, ValidatePass, Validated};
use crate::format::{FORMAT_VERSION, FormatError, Header, Identity, Parts, SnapshotObject};
use crate::observe::Operation;
use crate::{
    Error, ErrorKind, Expect, Result, SaveRequest, SessionRef, SnapshotIndex, SnapshotInfo, Timestamp,
    WriteId,
};

/// How many bytes are checked on the thread that hashes the state, rather than on one more: finding the delta and
/// compressing it keep the other processor busy for longer.
const BRIEF_CHECK_BYTES: usize = 256 << 10;

/// The longest object, in bytes, that is put together and hashed on the caller's thread: that takes some 0.2 ms.
const BRIEF_OBJECT_BYTES: usize = 256 << 10;

/// A save under way: what does not depend on the index that it gets.
struct Draft {
    request: SaveRequest,
    write_id: WriteId,
    timestamp: Timestamp,
    /// Whether the store's marker was read by an earlier operation, and not by this one.
    known_store: bool,
}

impl Store {
    /// Saves a state as the next snapshot of its session.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when the state is not valid JSON or the storage may not be saved to,
    /// [`ErrorKind::Conflict`] when [`SaveRequest::expect_parent`] does not hold or a live snapshot of the session has the
    /// [name](SaveRequest::name), [`ErrorKind::OutcomeUnknown`] when the backend left open whether the snapshot was stored; otherwise what the backend or the codec reports. Except after
    /// [`ErrorKind::OutcomeUnknown`], an error means that certainly nothing was saved.
    pub async fn save(&self, request: SaveRequest) -> Result<SnapshotInfo> {
        let operation = self.operation(Operation::Save, &request.session);
        let work = async {
            self.check_writable().await?;
            let known_store = self.knows_store();
            self.check_marker().await?;
            let mut view = None;
            if let Some(write_id) = request.write_id {
                let fresh = self.read_view(&request.session).await?;
                if let Some(info) = self.saved_earlier(&request, write_id, &fresh).await? {
                    return Ok(info);
                }
                view = Some(fresh);
            }
            let write_id = request.write_id.unwrap_or_else(WriteId::random);
            let draft = Draft { request, write_id, timestamp: Timestamp::now(), known_store };
            self.commit(draft, view).await
        };
        operation.run(work).await
    }

    /// Creates the record at the first index that is free.
    async fn commit(&self, draft: Draft, view: Option<View>) -> Result<SnapshotInfo> {
        let request = &draft.request;
        let session = &request.session;
        let mut fresh = view.is_some();
        let mut view = match view.or_else(|| self.remembered(session)) {
            Some(view) => view,
            None => {
                fresh = true;
                self.read_view(session).await?
            }
        };
        let mut checked = None;
        let mut name = None;
        loop {
            self.know_head(session, &mut view).await?;
            if let Err(refusal) = check_parents(request, &view) {
                if fresh {
                    return Err(refusal);
                }
                // What this process remembers may be out of date; only what the store says now decides.
                view = self.read_view(session).await?;
                fresh = true;
                continue;
            }
            let index = view.next_index(session)?;
            let parent = request.parent.or(view.newest);
            let body = self.encode(session, &request.state, index, parent, &view);
            let (found, body) = match checked {
                Some(found) => (found, body.await?),
                None => tokio::try_join!(self.check_state(request), body)?,
            };
            let header = self.header(&draft, &view, index, parent, &found, &body)?;
            let parts = SnapshotObject::parts(&header, body.frames())
                .map_err(|error| unencodable(session, index, error))?;
            let object = join(parts).await?;
            self.check_size(&object).await?;
            self.create_marker().await?;
            if let Some(wanted) = request.name.as_ref().filter(|_| request.claim_name) {
                let held = name.take();
                name = Some(self.hold_name(session, wanted, draft.write_id, index, &view, held).await?);
            }
            let store = tracing::debug_span!(target: "persist::step", "store", bytes = object.len());
            let (write_id, sent) = (draft.write_id, object.clone());
            let attempt = async {
                match draft.known_store {
                    true => self.create_in_known_store(session, index, write_id, sent).await,
                    false => self.create_record(session, index, write_id, sent).await,
                }
            };
            match attempt.instrument(store).await? {
                Attempt::Committed => {
                    let known = view.decisions.clone();
                    let decisions = self.confirm(session, index, draft.write_id, known).await?;
                    self.remember(session, View::after_save(decisions, &header));
                    let chain = body.into_chain(index, &object, request.state.len() as u64);
                    let warm = Warm::new(chain, request.state.clone(), Some(found.checkpoints));
                    self.keep_warm(session, warm);
                    return Ok(SnapshotInfo::new(&header, object.len() as u64, &self.options().storage_name));
                }
                Attempt::Earlier => {
                    // It came into being after this save looked for it.
                    let fresh = self.read_view(session).await;
                    let unknown =
                        |error| unknown_save(session, index, draft.write_id, None).with_source(error);
                    let found = self.saved_earlier(request, draft.write_id, &fresh.map_err(unknown)?).await?;
                    return found.ok_or_else(|| unknown_save(session, index, draft.write_id, None));
                }
                Attempt::Taken { ambiguous } => {
                    tracing::debug!(%index, "another writer took the index");
                    if ambiguous {
                        // Our own record may have been there, committed, deleted and collected since.
                        let known = view.decisions.clone();
                        self.confirm(session, index, draft.write_id, known).await?;
                    }
                    view = self.advance_view(session, view, index).await?;
                    fresh = true;
                    checked = Some(found);
                }
            }
        }
    }

    /// Checks and hashes the state, from where it differs from the one before it.
    async fn check_state(&self, request: &SaveRequest) -> Result<Fingerprint> {
        let (state, session, json) = (request.state.clone(), request.session.clone(), request.is_json());
        let before = self.warm(&session);
        let (hashed, validation) = off_thread(state.len(), move || {
            let before =
                before.as_deref().and_then(|warm| Some((&warm.state[..], warm.checkpoints.as_ref()?)));
            let (hash, validate) = fingerprint::plan(&state, json, before);
            let length = validate.length();
            let bytes = if length <= BRIEF_CHECK_BYTES { 0 } else { length };
            let validation = started(bytes, move || run_validation(validate, &session));
            Ok((run_hash(hash), validation))
        })
        .await?;
        Ok(Fingerprint::new(hashed, validation.finish().await?))
    }

    /// The header of the snapshot if it lands at `index`.
    fn header(
        &self,
        draft: &Draft,
        view: &View,
        index: SnapshotIndex,
        parent: Option<SnapshotIndex>,
        found: &Fingerprint,
        body: &Body,
    ) -> Result<Header> {
        let request = &draft.request;
        let session = &request.session;
        let identity = Identity {
            agent_id: session.agent.clone(),
            session_id: session.session.clone(),
            snapshot_index: index,
            timestamp: draft.timestamp,
            content_hash: found.hash,
            content_length: request.state.len() as u64,
            format_version: FORMAT_VERSION,
            parent,
            previous_identity: view.head_record.map(|record| record.identity_digest),
            media_type: request.media_type.clone().filter(|_| !request.is_json()),
            description: request.description.clone(),
            name: request.name.clone(),
            labels: request.labels.clone(),
            forked_from: None,
        };
        let storage = body.storage(draft.write_id, self.options().codec_name.as_deref());
        Header::new(identity, storage).map_err(|error| unencodable(session, index, error))
    }

    /// The newest state of a session that this process has at hand.
    pub(super) fn warm(&self, session: &SessionRef) -> Option<Arc<Warm>> {
        self.cache().get(session)
    }

    /// Keeps a session's newest state at hand. In a process that saves to it again and again, its index is made while
    /// the agent takes its next step; what it takes the place of is freed then, too, which takes as long as its pages are
    /// many.
    pub(super) fn keep_warm(&self, session: &SessionRef, warm: Warm) {
        let warm = Arc::new(warm);
        let mut cache = self.cache();
        let again = cache.get(session).is_some();
        let Put { kept, forgotten } = cache.put(session, warm.clone(), self.options().tuning.cache_bytes);
        drop(cache);
        let indexed = kept && again;
        if indexed || !forgotten.is_empty() {
            ahead_of_need(warm.state.len(), move || {
                drop(forgotten);
                if indexed {
                    warm.index();
                }
            });
        }
    }

    /// Checks that the storage takes an object of this size.
    pub(super) async fn check_size(&self, object: &Bytes) -> Result<()> {
        let Some(most) = self.check_writable().await?.max_object_size else { return Ok(()) };
        if object.len() as u64 <= most {
            return Ok(());
        }
        let message = format!(
            "the object takes {} bytes and the storage {:?} holds at most {most} an object; nothing was saved",
            object.len(),
            self.options().storage_name
        );
        Err(Error::new(ErrorKind::InvalidInput, "object_too_large", message))
    }
}

/// Puts an object together, and hashes its parts while they are copied.
async fn join(parts: Parts) -> Result<Bytes> {
    let length = parts.object_len();
    let bytes = if length <= BRIEF_OBJECT_BYTES { 0 } else { length };
    let parts = Arc::new(parts);
    let copied = Arc::clone(&parts);
    let digest = started(bytes, move || Ok(parts.digest()));
    let object = off_thread(bytes, move || Ok(copied.copy())).await?;
    Ok(object.finish(&digest.finish().await?))
}

fn run_hash(hash: HashPass) -> Hashed {
    let _span = tracing::debug_span!(target: "persist::step", "hash", bytes = hash.length()).entered();
    hash.run()
}

fn run_validation(validate: ValidatePass, session: &SessionRef) -> Result<Validated> {
    let _span =
        tracing::debug_span!(target: "persist::step", "validate", bytes = validate.length()).entered();
    validate.run().map_err(|error| {
        let message = format!("the state for {session} is not valid JSON; nothing was saved");
        Error::new(ErrorKind::InvalidInput, "invalid_json", message)
            .with_context("line", error.line)
            .with_context("column", error.column)
            .with_source(error)
            .with_hint("name the state's media type if it is not meant to be JSON")
    })
}

/// Checks the caller's conditions against what is known of the session.
fn check_parents(request: &SaveRequest, view: &View) -> Result<()> {
    let session = &request.session;
    let newest = view.newest;
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

pub(super) fn unencodable(session: &SessionRef, index: SnapshotIndex, error: FormatError) -> Error {
    let message = format!("the snapshot {session}@{index} cannot be written; nothing was saved");
    Error::new(ErrorKind::InvalidInput, "cannot_be_encoded", message).with_source(error)
}
