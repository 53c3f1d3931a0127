//! The identity section: what a snapshot is, whatever its stored form.

use std::collections::BTreeMap;

use minicbor::Decoder;

use super::cbor::{self, Fields, Writer};
use super::{ContentHash, FORMAT_VERSION, FormatError, Timestamp};
use crate::{AgentId, SessionId, SessionRef, SnapshotIndex, SnapshotName};

/// The media type of a snapshot that names none.
pub const JSON_MEDIA_TYPE: &str = "application/json";

/// What a snapshot is. Copying or recompressing it keeps this section byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The agent.
    pub agent_id: AgentId,
    /// The session of that agent.
    pub session_id: SessionId,
    /// The position in the session.
    pub snapshot_index: SnapshotIndex,
    /// When the snapshot was taken, by the clock of the program that saved it.
    pub timestamp: Timestamp,
    /// The SHA-256 of the state.
    pub content_hash: ContentHash,
    /// The length of the state, in bytes.
    pub content_length: u64,
    /// The format version in which the snapshot was first written.
    pub format_version: u16,
    /// The snapshot that the state was derived from, always an earlier one; `None` where there is none.
    pub parent: Option<SnapshotIndex>,
    /// The digest of the previous snapshot's identity (see [`Header::identity_digest`](super::Header)).
    pub previous_identity: Option<[u8; 32]>,
    /// The media type of the state; `None` stands for [`JSON_MEDIA_TYPE`].
    pub media_type: Option<String>,
    /// A text for people.
    pub description: Option<String>,
    /// A name that the client chose.
    pub name: Option<SnapshotName>,
    /// The labels that the snapshot was born with.
    pub labels: BTreeMap<String, String>,
    /// The snapshot of another session that this one began as a fork of.
    pub forked_from: Option<Origin>,
}

/// The snapshot that a fork was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its session.
    pub session: SessionRef,
    /// Its position there.
    pub snapshot_index: SnapshotIndex,
    /// The digest of its identity.
    pub identity_digest: [u8; 32],
}

impl Identity {
    /// The media type of the state, with the default filled in.
    #[must_use]
    pub fn media_type(&self) -> &str {
        self.media_type.as_deref().unwrap_or(JSON_MEDIA_TYPE)
    }

    /// The rule that the values break, if they break one.
    pub(super) fn broken_rule(&self) -> Option<String> {
        if self.format_version != FORMAT_VERSION {
            return Some(format!(
                "its identity has format version {}, expected {FORMAT_VERSION}",
                self.format_version
            ));
        }
        let parent = self.parent.filter(|parent| *parent >= self.snapshot_index)?;
        Some(format!("its parent {parent} is not before its index {}", self.snapshot_index))
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let parent = self.parent_code();
        cbor::encode("identity", |writer| {
            cbor::write_fields(
                writer,
                &[
                    (true, &|writer: &mut Writer| writer.str(self.agent_id.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.str(self.session_id.as_str()).map(drop)),
                    (true, &|writer: &mut Writer| writer.u64(self.snapshot_index.get()).map(drop)),
                    (true, &|writer: &mut Writer| writer.i64(self.timestamp.as_micros()).map(drop)),
                    (true, &|writer: &mut Writer| writer.bytes(&self.content_hash.0).map(drop)),
                    (true, &|writer: &mut Writer| writer.u64(self.content_length).map(drop)),
                    (true, &|writer: &mut Writer| writer.u16(self.format_version).map(drop)),
                    (parent.is_some(), &|writer: &mut Writer| {
                        writer.u64(parent.unwrap_or_default()).map(drop)
                    }),
                    (self.previous_identity.is_some(), &|writer: &mut Writer| {
                        writer.bytes(&self.previous_identity.unwrap_or_default()).map(drop)
                    }),
                    (self.media_type.is_some(), &|writer: &mut Writer| {
                        writer.str(self.media_type()).map(drop)
                    }),
                    (self.description.is_some(), &|writer: &mut Writer| {
                        writer.str(self.description.as_deref().unwrap_or_default()).map(drop)
                    }),
                    (self.name.is_some(), &|writer: &mut Writer| {
                        writer.str(self.name.as_ref().map_or("", SnapshotName::as_str)).map(drop)
                    }),
                    (!self.labels.is_empty(), &|writer: &mut Writer| {
                        cbor::write_text_map(writer, &self.labels)
                    }),
                    (self.forked_from.is_some(), &|writer: &mut Writer| {
                        self.forked_from.iter().try_for_each(|origin| origin.write(writer))
                    }),
                ],
            )
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut decoder = Decoder::new(bytes);
        let mut fields = Fields::open(&mut decoder, "identity")?;
        let agent_id = fields.required("agent_id", Decoder::str)?;
        let session_id = fields.required("session_id", Decoder::str)?;
        let snapshot_index = read_index(&mut fields)?;
        let timestamp = fields.required("timestamp", Decoder::i64)?;
        let content_hash = ContentHash(fields.required("content_hash", cbor::fixed_bytes)?);
        let content_length = fields.required("content_length", Decoder::u64)?;
        let format_version = fields.required("format_version", Decoder::u16)?;
        let parent = match fields.optional("parent", Decoder::u64)? {
            None => snapshot_index.previous(),
            Some(0) => None,
            Some(code) => Some(SnapshotIndex::new(code - 1).map_err(bad_field("parent"))?),
        };
        let previous_identity = fields.optional("previous_identity", cbor::fixed_bytes)?;
        let media_type = fields.optional("media_type", Decoder::str)?;
        let description = fields.optional("description", Decoder::str)?;
        let name = fields.optional("name", Decoder::str)?;
        let labels = fields.optional("labels", cbor::read_text_map)?.unwrap_or_default();
        let forked_from = fields.nested("forked_from", Origin::read)?;
        fields.close()?;
        cbor::end(&decoder, "identity")?;
        Ok(Self {
            agent_id: AgentId::parse(agent_id).map_err(bad_field("agent_id"))?,
            session_id: SessionId::parse(session_id).map_err(bad_field("session_id"))?,
            snapshot_index,
            timestamp: Timestamp::from_micros(timestamp)?,
            content_hash,
            content_length,
            format_version,
            parent,
            previous_identity,
            media_type: media_type.map(str::to_owned),
            description: description.map(str::to_owned),
            name: name.map(SnapshotName::parse).transpose().map_err(bad_field("name"))?,
            labels,
            forked_from,
        })
    }

    /// How the parent is stored: nothing for the usual one, else its index plus one, or 0 for none.
    fn parent_code(&self) -> Option<u64> {
        if self.parent == self.snapshot_index.previous() {
            return None;
        }
        Some(self.parent.map_or(0, |parent| parent.get() + 1))
    }
}

impl Origin {
    fn write(&self, writer: &mut Writer) -> cbor::WriteResult {
        writer.array(4)?.str(self.session.agent.as_str())?.str(self.session.session.as_str())?;
        writer.u64(self.snapshot_index.get())?.bytes(&self.identity_digest)?;
        Ok(())
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, FormatError> {
        let mut fields = Fields::open(decoder, "forked_from")?;
        let session = read_session(&mut fields)?;
        let snapshot_index = read_index(&mut fields)?;
        let identity_digest = fields.required("identity_digest", cbor::fixed_bytes)?;
        fields.close()?;
        Ok(Self { session, snapshot_index, identity_digest })
    }
}

/// Reads the two fields that name a session.
pub(super) fn read_session(fields: &mut Fields<'_, '_>) -> Result<SessionRef, FormatError> {
    let agent = fields.required("agent_id", Decoder::str)?;
    let agent = AgentId::parse(agent).map_err(bad_field("agent_id"))?;
    let session = fields.required("session_id", Decoder::str)?;
    let session = SessionId::parse(session).map_err(bad_field("session_id"))?;
    Ok(SessionRef::new(agent, session))
}

/// Reads the field that names a snapshot of a session.
pub(super) fn read_index(fields: &mut Fields<'_, '_>) -> Result<SnapshotIndex, FormatError> {
    let index = fields.required("snapshot_index", Decoder::u64)?;
    SnapshotIndex::new(index).map_err(bad_field("snapshot_index"))
}

/// Turns an invalid id in a field of a header into damage.
pub(super) fn bad_field(name: &'static str) -> impl Fn(crate::InvalidId) -> FormatError {
    move |error| FormatError::corrupt_with(format!("its header has an invalid {name}"), error)
}
