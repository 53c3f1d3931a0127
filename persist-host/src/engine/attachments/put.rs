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

impl Draft {
    pub(super) fn new(content: Bytes, media_type: Option<String>) -> Self {
        let media_type = media_type.filter(|media_type| media_type != Attachment::DEFAULT_MEDIA_TYPE);
        Self { content, media_type, timestamp: Timestamp::now(), write_id: WriteId::random() }
    }

    /// One that was attached elsewhere, and keeps the time at which it was.
    pub(super) fn copied(info: &AttachmentInfo, content: Bytes) -> Self {
        Self { timestamp: info.timestamp, ..Self::new(content, Some(info.media_type.clone())) }
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
        mode: AttachMode,
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
            match mode {
                AttachMode::Keep => return Ok((newest.info(), false)),
                AttachMode::Once => return Err(taken(place, &newest.info())),
                AttachMode::Upsert => version = found.version + 1,
            }
        }
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
