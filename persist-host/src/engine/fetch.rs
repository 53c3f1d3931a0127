//! Reading one snapshot with all that its state is built from.

mod many;

use bytes::Bytes;
use futures_util::future::{join, try_join_all};

use super::Store;
use super::chain::{Chain, Layer, ancestors_digest};
use super::errors::{damaged, deleted, missing, unreadable};
use super::manifest::Decisions;
use crate::codec::{self, Coding, off_thread};
use crate::delta::decode_ops;
use crate::format::{FormatError, Generation, Header, RecordObject, SnapshotObject, Transform};
use crate::{ContentHash, Error, ErrorKind, Result, SessionRef, SnapshotIndex, key};

/// How often a read starts again because a decision came between its requests.
pub(super) const READ_ATTEMPTS: u32 = 8;

/// A snapshot as it was read, every stored byte checked.
pub(super) struct Fetched {
    pub(super) header: Header,
    /// Where it lies.
    pub(super) key: String,
    /// The object's length.
    pub(super) stored_bytes: u64,
    pub(super) chain: Chain,
    /// The hash of its state, where decoding found it.
    hash: Option<ContentHash>,
    /// What held when it was read.
    pub(super) decisions: Decisions,
}

/// What reading an index gave.
pub(super) enum Reading<T> {
    Found(T),
    /// A record that is no snapshot holds the index.
    NoSnapshot,
    /// Nothing was ever written there.
    Nothing,
}

/// What lies under a snapshot's own key.
enum Found {
    Snapshot(Box<SnapshotObject>),
    /// A mark; a stub may say where the snapshot went.
    Mark(Option<Generation>),
    Nothing,
    Damaged(FormatError),
}

/// Whether what an object holds is hashed while it is decoded.
#[derive(Clone, Copy)]
enum Hashing {
    No,
    /// If it is a full snapshot: that is its state.
    Full,
}

/// How one attempt to read ended.
enum Attempt {
    Done(Reading<Box<Fetched>>),
    /// What was read does not fit together; that is damage only if no decision came between.
    Torn(Error, Decisions),
}

impl Store {
    /// Reads a live snapshot and its ancestors.
    ///
    /// The snapshot's own object is read first and the decisions after it: a deletion that was acknowledged before
    /// this read began is then certainly seen, and a snapshot that was rewritten meanwhile is found where it went.
    pub(super) async fn fetch(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        known: Option<Decisions>,
    ) -> Result<Reading<Box<Fetched>>> {
        let mut known = known;
        for _ in 0..READ_ATTEMPTS {
            match self.fetch_once(session, index, known.take()).await? {
                Attempt::Done(reading) => return Ok(reading),
                Attempt::Torn(error, before) => {
                    let seq = before.seq;
                    let after = self.read_decisions(session, Some(before)).await?;
                    if after.seq == seq {
                        return Err(error);
                    }
                    tracing::debug!(%session, %index, "a decision came between the parts of a read");
                    known = Some(after);
                }
            }
        }
        Err(too_busy_to_read(session))
    }

    /// Reads what lies under a snapshot's own key, deleted or not, with its ancestors: what the record after it may be
    /// stored against as long as its segment is open. `None` when that is no snapshot.
    pub(super) async fn fetch_record(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
    ) -> Result<Option<Box<Fetched>>> {
        let key = key::snapshot_key(session, index);
        let object = match self.look(session, index, &key).await? {
            Found::Snapshot(object) => *object,
            Found::Damaged(error) => {
                return Err(unreadable(&format_args!("the snapshot {session}@{index}"), &key, error));
            }
            Found::Mark(_) | Found::Nothing => return Ok(None),
        };
        let ancestors = self.read_ancestors(session, None, object.header()).await;
        let decisions = Decisions::default();
        match self.assemble(session, index, key, object, ancestors, decisions).await? {
            Attempt::Done(Reading::Found(fetched)) => Ok(Some(fetched)),
            Attempt::Done(_) => Ok(None),
            Attempt::Torn(error, _) => Err(error),
        }
    }

    async fn fetch_once(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        known: Option<Decisions>,
    ) -> Result<Attempt> {
        let what = format!("the snapshot {session}@{index}");
        let own_key = key::snapshot_key(session, index);
        let found = self.look(session, index, &own_key).await?;
        let hint = match &found {
            Found::Mark(moved) => *moved,
            _ => None,
        };
        let (decisions, ancestors) = match &found {
            Found::Snapshot(object) => {
                let ancestors = self.read_ancestors(session, None, object.header());
                let (decisions, ancestors) = join(self.read_decisions(session, known), ancestors).await;
                (decisions?, Some(ancestors))
            }
            _ => (self.read_decisions(session, known).await?, None),
        };
        if !decisions.is_live(index) {
            return Err(deleted(session, index));
        }
        if let Some(generation) = decisions.place(index) {
            let key = key::rewritten_key(session, generation, index);
            let Some(object) = self.read_content(&key).await? else {
                return Ok(Attempt::Torn(missing(session, index, &key), decisions));
            };
            let object = self.parse_snapshot(session, index, &key, object).await?;
            let ancestors = self.read_ancestors(session, Some(generation), object.header()).await;
            return self.assemble(session, index, key, object, ancestors, decisions).await;
        }
        match (found, ancestors) {
            (Found::Snapshot(object), Some(ancestors)) => {
                self.assemble(session, index, own_key, *object, ancestors, decisions).await
            }
            (Found::Damaged(error), _) => Err(unreadable(&what, &own_key, error)),
            // A seal was never a snapshot, and a stub whose manifest is not there yet is read again.
            (Found::Mark(_), _) if hint.is_some() => {
                Ok(Attempt::Torn(missing(session, index, &own_key), decisions))
            }
            (Found::Mark(_), _) => Ok(Attempt::Done(Reading::NoSnapshot)),
            _ => Ok(Attempt::Done(Reading::Nothing)),
        }
    }

    /// Reads what lies under a snapshot's own key.
    async fn look(&self, session: &SessionRef, index: SnapshotIndex, key: &str) -> Result<Found> {
        let Some(object) = self.read_content(key).await? else { return Ok(Found::Nothing) };
        let parsed = off_thread(object.len(), move || Ok(RecordObject::parse(object))).await?;
        Ok(match parsed {
            Err(error) if error.is_damage() => Found::Damaged(error),
            Err(error) => {
                return Err(unreadable(&format_args!("the snapshot {session}@{index}"), key, error));
            }
            Ok(RecordObject::Snapshot(object)) => match object.header().expect_identity(session, index) {
                Ok(()) => Found::Snapshot(object),
                Err(error) => Found::Damaged(error),
            },
            Ok(RecordObject::Mark(mark)) => match mark.kind {
                crate::format::MarkKind::Stub { moved: Some(moved), .. } => {
                    Found::Mark(Some(moved.generation))
                }
                _ => Found::Mark(None),
            },
        })
    }

    /// Checks every byte of an object that must be the snapshot `index`.
    pub(super) async fn parse_snapshot(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        key: &str,
        object: Bytes,
    ) -> Result<SnapshotObject> {
        let what = format!("the snapshot {session}@{index}");
        let parsed = off_thread(object.len(), move || Ok(SnapshotObject::parse(object))).await?;
        let object = parsed.map_err(|error| unreadable(&what, key, error))?;
        object.header().expect_identity(session, index).map_err(|error| unreadable(&what, key, error))?;
        Ok(object)
    }

    /// Reads all ancestors of a snapshot at once, the nearest first.
    async fn read_ancestors(
        &self,
        session: &SessionRef,
        generation: Option<Generation>,
        header: &Header,
    ) -> Result<Vec<SnapshotObject>> {
        let Some(delta) = &header.storage.delta else { return Ok(Vec::new()) };
        let index = header.identity.snapshot_index;
        try_join_all(delta.ancestors.iter().map(async |ancestor| {
            let key = match generation {
                None => key::snapshot_key(session, *ancestor),
                Some(generation) => key::rewritten_key(session, generation, *ancestor),
            };
            let affected = |error: Error| error.with_context("affects", format!("{session}@{index}"));
            let object = self.read_content(&key).await?;
            let object = object.ok_or_else(|| affected(missing(session, *ancestor, &key)))?;
            self.parse_snapshot(session, *ancestor, &key, object).await.map_err(affected)
        }))
        .await
    }

    /// Joins a snapshot and its ancestors to a chain.
    async fn assemble(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        key: String,
        object: SnapshotObject,
        ancestors: Result<Vec<SnapshotObject>>,
        decisions: Decisions,
    ) -> Result<Attempt> {
        let ancestors = match ancestors {
            Ok(ancestors) => ancestors,
            Err(error) if error.kind() == ErrorKind::Integrity => return Ok(Attempt::Torn(error, decisions)),
            Err(error) => return Err(error),
        };
        let what = format!("the snapshot {session}@{index}");
        if let Some(delta) = &object.header().storage.delta
            && ancestors_digest(ancestors.iter().map(SnapshotObject::digest).collect::<Vec<_>>().iter())
                != delta.ancestors_digest
        {
            let error = FormatError::corrupt("its ancestors are not those that it was stored against");
            return Ok(Attempt::Torn(unreadable(&what, &key, error), decisions));
        }
        let mut chain = None;
        for ancestor in ancestors.iter().rev() {
            chain = Some(self.stack(session, chain, ancestor, Hashing::No).await?.0);
        }
        let (chain, hash) = self.stack(session, chain, &object, Hashing::Full).await?;
        let stored_bytes = object.bytes().len() as u64;
        let header = object.into_header();
        let fetched = Fetched { header, key, stored_bytes, chain, hash, decisions };
        Ok(Attempt::Done(Reading::Found(Box::new(fetched))))
    }

    /// Decodes one object on top of the chain that it builds on.
    async fn stack(
        &self,
        session: &SessionRef,
        below: Option<Chain>,
        object: &SnapshotObject,
        hashing: Hashing,
    ) -> Result<(Chain, Option<ContentHash>)> {
        let header = object.header();
        let index = header.identity.snapshot_index;
        let what = format!("the snapshot {session}@{index}");
        let corrupt = |text: String| {
            damaged(&what, &key::snapshot_key(session, index)).with_source(FormatError::corrupt(text))
        };
        let base = match (&header.storage.delta, below) {
            (None, None) => None,
            (Some(delta), Some(chain)) if delta.ancestors == chain.ancestors() => Some((delta, chain)),
            _ => return Err(corrupt("it does not build on its ancestors".to_owned())),
        };
        let coding = Coding {
            codec: self.codec_of(&what, &header.storage.transforms)?,
            prefix: base.as_ref().map_or_else(Bytes::new, |(delta, chain)| chain.prefix(delta.prefix_len)),
        };
        if let Some((delta, _)) = &base
            && coding.prefix.len() as u64 != delta.prefix_len
        {
            return Err(corrupt(format!(
                "its prefix has {} bytes, expected {}",
                coding.prefix.len(),
                delta.prefix_len
            )));
        }
        let frames = object.frames().map(|(frame, body)| (frame.clone(), body)).collect();
        let length = header.storage.frames.iter().map(|frame| frame.raw_len).sum();
        let decoded = match (hashing, &base) {
            (Hashing::Full, None) => codec::decode_and_hash(frames, length, &coding).await,
            _ => codec::decode(frames, length, &coding).await.map(|content| (content, None)),
        };
        let (content, hash) = decoded.map_err(|error| match error.kind() {
            // The object's own hash was right, so damage met here was written that way or is the codec's doing.
            ErrorKind::Integrity => damaged(&what, &key::snapshot_key(session, index)).with_source(error),
            _ => error,
        })?;
        let layer = |ops, literals| Layer {
            index,
            digest: object.digest(),
            stored_bytes: header.storage.frames.iter().map(|frame| frame.stored_len).sum(),
            weight: length,
            ops,
            literals,
            length: header.identity.content_length,
        };
        let Some((delta, chain)) = base else {
            return Ok((Chain::full(layer(None, content)), hash));
        };
        // The header's rules hold: the steps are not longer than the frames.
        let steps_len = usize::try_from(delta.steps_len).unwrap_or(usize::MAX).min(content.len());
        let literals = content.slice(steps_len..);
        let ops = decode_ops(
            &content[..steps_len],
            chain.top().length,
            header.identity.content_length,
            literals.len() as u64,
        );
        let ops = ops.map_err(|error| corrupt(error.to_string()))?;
        Ok((chain.with(layer(Some(ops), literals)), None))
    }

    /// The codec that an object was written with.
    pub(super) fn codec_of(
        &self,
        what: &str,
        transforms: &[Transform],
    ) -> Result<Option<std::sync::Arc<dyn persist_plugin_api::DynCompression>>> {
        match transforms {
            [] => Ok(None),
            [codec] => self
                .options()
                .codecs
                .codec(&codec.name)
                .map(Some)
                .map_err(|error| without_codec(what, codec, error)),
            more => {
                let newer = FormatError::UnknownFeature {
                    name: format!("{} transforms", more.len()),
                    release: "newer than this one".to_owned(),
                };
                Err(unreadable(&what, "", newer))
            }
        }
    }

    /// Builds a snapshot's state and checks its hash.
    pub(super) async fn build_state(&self, fetched: Box<Fetched>) -> Result<(Box<Fetched>, Bytes)> {
        let what =
            format!("the snapshot {}@{}", fetched.header.session(), fetched.header.identity.snapshot_index);
        let length = usize::try_from(fetched.header.identity.content_length).unwrap_or(usize::MAX);
        off_thread(length, move || {
            let state = fetched.chain.state().map_err(|error| match error.kind() {
                ErrorKind::Integrity => damaged(&what, &fetched.key).with_source(error),
                _ => error,
            })?;
            let hash = fetched.hash.unwrap_or_else(|| ContentHash::of(&state));
            let checked = fetched.header.expect_hash(state.len() as u64, hash);
            checked.map_err(|error| unreadable(&what, &fetched.key, error))?;
            Ok((fetched, state))
        })
        .await
    }
}

/// Says of which object a codec is missing; what to do about it is in the cause.
fn without_codec(what: &str, codec: &Transform, cause: Error) -> Error {
    let message = format!("cannot read {what}, which was stored with the codec {:?}", codec.name);
    let error = Error::new(cause.kind(), cause.code(), message);
    let error = match cause.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    };
    error.with_source(cause)
}

/// Decisions come faster than this process can read.
pub(super) fn too_busy_to_read(session: &SessionRef) -> Error {
    let message = format!("the session {session} changes faster than it can be read");
    Error::new(ErrorKind::Unavailable, "session_busy", message).with_hint("try again")
}
