//! Writing one version of an attachment.

use bytes::Bytes;

use super::super::Store;
use super::super::manifest::AMBIGUOUS_ATTEMPTS;
use super::super::objects::Created;
use super::Place;
use crate::codec::{self, Coding, Encoded, off_thread};
use crate::format::{Attachment, Storage, Transform};
use crate::{AttachMode, AttachmentInfo, ContentHash, Error, ErrorKind, Result, Timestamp, WriteId, key};
use persist_plugin_api as plugin;

/// An attachment to write: what does not depend on the version that it gets.
pub(super) struct Draft {
    content: Bytes,
    media_type: Option<String>,
    timestamp: Timestamp,
    write_id: WriteId,
}

/// What becomes of an attachment that is there with another content.
pub(super) enum Existing<'a> {
    /// As whoever attaches has said.
    Mode(AttachMode),
    /// It is replaced if it came from this store, by a copy.
    CopiedFrom(&'a Store),
}

impl Draft {
    pub(super) fn new(content: Bytes, media_type: Option<String>) -> Self {
        let media_type = media_type.filter(|media_type| media_type != Attachment::DEFAULT_MEDIA_TYPE);
        Self { content, media_type, timestamp: Timestamp::now(), write_id: WriteId::random() }
    }

    /// One that was attached elsewhere: it keeps the time at which it was, and its write id tells that it is a copy.
    pub(super) fn copied(place: &Place, info: &AttachmentInfo, content: Bytes) -> Self {
        let write_id = copy_id(&place.prefix, info.timestamp, info.content_hash, &info.media_type);
        Self { timestamp: info.timestamp, write_id, ..Self::new(content, Some(info.media_type.clone())) }
    }
}

/// How an attempt at one version ended.
enum Attempt {
    Created(Box<AttachmentInfo>),
    /// Another attachment has the version.
    Taken,
}

impl Store {
    /// Stores a draft as the mode says; tells what is there now, and whether it is the draft's doing.
    pub(super) async fn put_attachment(
        &self,
        place: &Place,
        draft: &Draft,
        existing: Existing<'_>,
    ) -> Result<(AttachmentInfo, bool)> {
        let form = self.encode_attachment(place, draft).await?;
        let mut version = 0;
        loop {
            let next = Attachment { version, ..form.0.clone() };
            if let Attempt::Created(info) = self.create_version(place, next, &form.1).await? {
                self.remove_replaced(place, version).await;
                return Ok((*info, true));
            }
            let Some(newest) = self.newest_version(&place.prefix, None).await? else {
                // What had the version has gone meanwhile: so has the snapshot.
                return Err(super::deleted(&place.session, place.index));
            };
            let found = &newest.attachment;
            if found.content_hash == form.0.content_hash && found.media_type() == form.0.media_type() {
                return Ok((newest.info(), false));
            }
            match existing {
                Existing::Mode(AttachMode::Keep) => return Ok((newest.info(), false)),
                Existing::Mode(AttachMode::Once) => return Err(taken(place, &newest.info())),
                Existing::Mode(AttachMode::Upsert) => {}
                Existing::CopiedFrom(from)
                    if is_copy(place, found) || from.has_version(place, found).await? => {}
                Existing::CopiedFrom(from) => return Err(diverged(from, self, place, &newest.info())),
            }
            version = found.version + 1;
        }
    }

    /// Whether a version of an attachment has the same content as one of another store.
    async fn has_version(&self, place: &Place, other: &Attachment) -> Result<bool> {
        for (number, _) in self.list_numbers(&place.prefix).await? {
            if let Some(version) = self.read_version(&place.prefix, number).await?
                && version.attachment.content_hash == other.content_hash
                && version.attachment.media_type() == other.media_type()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Creates one version, and finds out by its write id how that ended.
    async fn create_version(
        &self,
        place: &Place,
        attachment: Attachment,
        frames: &[Bytes],
    ) -> Result<Attempt> {
        let key = key::version_key(&place.prefix, attachment.version);
        let what = place.describe();
        let object = attachment.encode(frames).map_err(|error| {
            let message = format!("the {what} cannot be written; nothing was stored");
            Error::new(ErrorKind::InvalidInput, "cannot_be_encoded", message).with_source(error)
        })?;
        self.check_size(&object).await?;
        let info = Box::new(AttachmentInfo::new(&attachment, object.len() as u64));
        let mut open = None;
        for _ in 0..AMBIGUOUS_ATTEMPTS {
            match self.create(&key, object.clone()).await? {
                Created::Yes => return Ok(Attempt::Created(info)),
                Created::Refused(error) if open.is_none() => {
                    let attempt = format!("cannot store the {what}");
                    return Err(Error::from_adapter(attempt, error).with_context("key", key));
                }
                Created::Exists if open.is_none() => return Ok(Attempt::Taken),
                Created::Exists => {}
                Created::NotDurable(error) => return Err(unknown(&what, &key, Some(error))),
                Created::Ambiguous(error) | Created::Refused(error) => open = Some(error),
            }
            match self.read_version(&place.prefix, attachment.version).await {
                Ok(Some(found)) if found.attachment.storage.write_id == attachment.storage.write_id => {
                    return Ok(Attempt::Created(info));
                }
                Ok(Some(_)) => return Ok(Attempt::Taken),
                Ok(None) => {}
                Err(error) => return Err(unknown(&what, &key, open).with_context("read_back", error)),
            }
        }
        Err(unknown(&what, &key, open))
    }

    /// Puts the content into its stored form: compressed only where that is shorter.
    async fn encode_attachment(&self, place: &Place, draft: &Draft) -> Result<(Attachment, Vec<Bytes>)> {
        let content = draft.content.clone();
        let content_hash = off_thread(content.len(), move || Ok(ContentHash::of(&content))).await?;
        let codec = self.codec()?;
        let mut transforms: Vec<Transform> =
            self.options().codec_name.iter().map(|name| Transform::named(name.as_str())).collect();
        let mut encoded = codec::encode(&draft.content, &Coding { codec, prefix: Bytes::new() }).await?;
        if !transforms.is_empty() && stored_len(&encoded) >= draft.content.len() as u64 {
            transforms.clear();
            encoded = codec::encode(&draft.content, &Coding::default()).await?;
        }
        let storage = Storage {
            write_id: draft.write_id,
            segment_start: place.index,
            transforms,
            frames: encoded.frames,
            delta: None,
        };
        let attachment = Attachment {
            session: place.session.clone(),
            snapshot_index: place.index,
            name: place.name.clone(),
            version: 0,
            timestamp: draft.timestamp,
            content_hash,
            content_length: draft.content.len() as u64,
            media_type: draft.media_type.clone(),
            storage,
        };
        Ok((attachment, encoded.bodies))
    }

    /// Removes the versions that a newer one has replaced, as far as that goes: they count for nothing. Where a listing
    /// may lag they stay, since readers find the newest by going from one to the next.
    async fn remove_replaced(&self, place: &Place, newest: u64) {
        if newest < 2 || !self.capabilities().await.is_ok_and(|capabilities| capabilities.consistent_list) {
            return;
        }
        let removed = async {
            for (version, _) in self.list_numbers(&place.prefix).await? {
                if (1..newest).contains(&version) {
                    self.remove(&key::version_key(&place.prefix, version)).await?;
                }
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = removed.await {
            tracing::debug!(prefix = %place.prefix, %error, "replaced versions of an attachment are left");
        }
    }
}

fn stored_len(encoded: &Encoded) -> u64 {
    encoded.frames.iter().map(|frame| frame.stored_len).sum()
}

/// The write id of a copy, by which later copies tell it from what was attached in the target itself.
fn copy_id(prefix: &str, timestamp: Timestamp, content_hash: ContentHash, media_type: &str) -> WriteId {
    let copy = format!("copy\0{prefix}\0{timestamp}\0{content_hash}\0{media_type}");
    let ContentHash(digest) = ContentHash::of(copy.as_bytes());
    WriteId(std::array::from_fn(|at| digest[at]))
}

fn is_copy(place: &Place, found: &Attachment) -> bool {
    let copied = copy_id(&place.prefix, found.timestamp, found.content_hash, found.media_type());
    found.storage.write_id == copied
}

/// An attachment of the target that was attached there.
fn diverged(from: &Store, to: &Store, place: &Place, found: &AttachmentInfo) -> Error {
    let (from, to) = (&from.options().name, &to.options().name);
    let message = format!(
        "the {} has a content of its own in the store {to:?}, which is none that it has or had in {from:?}; it stays",
        place.describe()
    );
    Error::new(ErrorKind::Conflict, "copy_diverged", message)
        .with_context("snapshot", format!("{}@{}", place.session, place.index))
        .with_context("version", found.version)
        .with_context("content_hash", found.content_hash)
        .with_hint("attach the same content in both stores, and copy again")
}

fn taken(place: &Place, found: &AttachmentInfo) -> Error {
    let message = format!("the {} exists with another content; nothing was stored", place.describe());
    Error::new(ErrorKind::Conflict, "attachment_exists", message)
        .with_context("version", found.version)
        .with_context("content_hash", found.content_hash)
}

/// An attachment of which it is not known whether it was stored.
fn unknown(what: &str, key: &str, cause: Option<plugin::Error>) -> Error {
    let message = format!("it is not known whether the {what} was stored");
    let error = Error::new(ErrorKind::OutcomeUnknown, "attachment_outcome_unknown", message)
        .with_context("key", key)
        .with_hint("attach the same content again; it is never kept twice");
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}
