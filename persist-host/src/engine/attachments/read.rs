//! Finding and reading the newest version of an attachment.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::Store;
use super::super::errors::{damaged, unreadable};
use crate::codec::{self, Coding, off_thread};
use crate::format::{Attachment, AttachmentObject, FormatError};
use crate::{AttachmentInfo, Error, ErrorKind, Result, SessionRef, SnapshotIndex, key};

/// How often a read starts again because a newer version came and took the one before away between its requests.
const READ_ATTEMPTS: u32 = 8;

/// One version, as its header tells.
pub(super) struct Version {
    pub(super) attachment: Attachment,
    stored_bytes: u64,
    key: String,
}

impl Version {
    pub(super) fn info(&self) -> AttachmentInfo {
        AttachmentInfo::new(&self.attachment, self.stored_bytes)
    }
}

impl Store {
    /// Finds the newest version below the prefix of one attachment; `None` when there is none. `listed` is the highest
    /// one that a listing has just shown.
    pub(super) async fn newest_version(&self, prefix: &str, listed: Option<u64>) -> Result<Option<Version>> {
        let mut listed = listed;
        for _ in 0..READ_ATTEMPTS {
            let hint = match listed.take() {
                Some(version) => Some(version),
                None => self.list_numbers(prefix).await?.last().map(|(version, _)| *version),
            };
            // A listing that may lag shows too little, never too much, because then nothing is ever taken away.
            let probe = !self.lists_consistently().await;
            let mut number = hint.unwrap_or(0);
            let mut newest = None;
            while let Some(version) = self.read_version(prefix, number).await? {
                newest = Some(version);
                number += 1;
                if !probe || number > Attachment::MAX_VERSION {
                    break;
                }
            }
            if newest.is_some() || hint.is_none() {
                return Ok(newest);
            }
            tracing::debug!(%prefix, "a version was replaced while it was looked for");
        }
        let message = format!("the attachment below {prefix:?} changes faster than it can be read");
        Err(Error::new(ErrorKind::Unavailable, "attachment_busy", message).with_hint("try again"))
    }

    /// Reads the newest version with its content.
    pub(super) async fn load_newest(&self, prefix: &str) -> Result<Option<(AttachmentInfo, Bytes)>> {
        for _ in 0..READ_ATTEMPTS {
            let Some(version) = self.newest_version(prefix, None).await? else { return Ok(None) };
            if let Some(object) = self.load_version(&version.key).await? {
                let content = self.decode_attachment(&version.key, &object).await?;
                return Ok(Some((version.info(), content)));
            }
        }
        let message = format!("the attachment below {prefix:?} changes faster than it can be read");
        Err(Error::new(ErrorKind::Unavailable, "attachment_busy", message).with_hint("try again"))
    }

    /// Whether a listing is known to show all that was written before it. Where the storage cannot say so, it is taken to
    /// lag, which costs requests and is never wrong: a copy may answer reads while what decides commits is down.
    async fn lists_consistently(&self) -> bool {
        self.capabilities().await.is_ok_and(|capabilities| capabilities.consistent_list)
    }

    /// Reads the version that a listing has just shown as the highest, with its content; `None` when that has gone, or
    /// where a listing may lag and there may be a higher one.
    pub(super) async fn load_listed(
        &self,
        prefix: &str,
        version: u64,
    ) -> Result<Option<(AttachmentInfo, Bytes)>> {
        if !self.lists_consistently().await {
            return Ok(None);
        }
        let key = key::version_key(prefix, version);
        let Some(object) = self.load_version(&key).await? else { return Ok(None) };
        let content = self.decode_attachment(&key, &object).await?;
        Ok(Some((AttachmentInfo::new(object.attachment(), object.stored_bytes()), content)))
    }

    /// The highest version of each attachment of a snapshot that a listing shows, by the attachment's prefix.
    pub(super) async fn list_attachments(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
    ) -> Result<BTreeMap<String, u64>> {
        let prefix = key::snapshot_attachments_prefix(session, index);
        let mut highest = BTreeMap::new();
        for object in self.list_below(&prefix).await? {
            if let Some((attachment, version)) = key::parse_version(&prefix, &object.key) {
                let known = highest.entry(attachment.to_owned()).or_insert(version);
                *known = version.max(*known);
            }
        }
        Ok(highest)
    }

    /// Reads the header of one version; `None` when there is no object.
    pub(super) async fn read_version(&self, prefix: &str, version: u64) -> Result<Option<Version>> {
        let key = key::version_key(prefix, version);
        let what = format!("the attachment {key:?}");
        let Some((attachment, header_end)) = self.read_header(&what, &key, Attachment::parse_prefix).await?
        else {
            return Ok(None);
        };
        let checked = expect_key(&attachment, &key).and_then(|()| attachment.object_len(header_end));
        let stored_bytes = checked.map_err(|error| unreadable(&what, &key, error))?;
        Ok(Some(Version { attachment, stored_bytes, key }))
    }

    /// Reads one version and checks every byte of its object; `None` when there is no object.
    pub(super) async fn load_version(&self, key: &str) -> Result<Option<AttachmentObject>> {
        let Some(object) = self.read_content(key).await? else { return Ok(None) };
        let parsed = off_thread(object.len(), move || Ok(AttachmentObject::parse(object))).await?;
        let placed = parsed.and_then(|object| expect_key(object.attachment(), key).map(|()| object));
        placed.map(Some).map_err(|error| unreadable(&format_args!("the attachment {key:?}"), key, error))
    }

    pub(super) async fn decode_attachment(&self, key: &str, object: &AttachmentObject) -> Result<Bytes> {
        let attachment = object.attachment().clone();
        let what = format!("the attachment {key:?}");
        let codec = self.codec_of(&what, &attachment.storage.transforms)?;
        let frames = object.frames().map(|(frame, body)| (frame.clone(), body)).collect();
        let coding = Coding { codec, prefix: Bytes::new() };
        let content = codec::decode(frames, attachment.content_length, &coding).await;
        let content = content.map_err(|error| match error.kind() {
            ErrorKind::Integrity => damaged(&what, key).with_source(error),
            _ => error,
        })?;
        let key = key.to_owned();
        off_thread(content.len(), move || {
            attachment.expect_content(&content).map_err(|error| unreadable(&what, &key, error))?;
            Ok(content)
        })
        .await
    }
}

/// Checks that an attachment belongs where it was found.
fn expect_key(attachment: &Attachment, key: &str) -> Result<(), FormatError> {
    let prefix = key::attachment_prefix(&attachment.session, attachment.snapshot_index, &attachment.name);
    let own = key::version_key(&prefix, attachment.version);
    if own == key {
        return Ok(());
    }
    Err(FormatError::corrupt(format!("it belongs under the key {own:?}, but lies under {key:?}")))
}
