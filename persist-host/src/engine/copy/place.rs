//! Placing one record in the target.

use bytes::Bytes;

use super::{Copy, digest_of, uncopied};
use crate::engine::Store;
use crate::engine::cache::Warm;
use crate::engine::errors::{missing, unreadable};
use crate::engine::fetch::{Fetched, Reading};
use crate::engine::head::{HeadRecord, View};
use crate::engine::manifest::{AMBIGUOUS_ATTEMPTS, Decisions};
use crate::engine::objects::Created;
use crate::format::{FormatError, Mark, MarkKind, Record, SnapshotObject};
use crate::{Error, ErrorKind, Result, SessionRef, SnapshotIndex, key};

/// What placing a record came to.
pub(super) enum Placed {
    /// The snapshot's copy is there.
    Snapshot { stored_bytes: u64, state_bytes: u64 },
    /// A record without a snapshot is there.
    Mark,
    /// The source or the target changed, so that both have to be looked at again.
    Changed,
}

/// What the source has at an index.
pub(super) enum Found {
    /// A live snapshot and its state.
    Snapshot(Box<Fetched>, Bytes),
    /// A record that holds no live snapshot, or held one when the decisions were read.
    Record(Record),
    Nothing,
}

/// Reads what the source has at an index.
pub(super) async fn find(
    from: &Store,
    session: &SessionRef,
    index: SnapshotIndex,
    decisions: Decisions,
) -> Result<Found> {
    if decisions.is_live(index) {
        match from.fetch(session, index, Some(decisions)).await {
            Ok(Reading::Found(fetched)) => {
                let (fetched, state) = from.build_state(fetched).await?;
                return Ok(Found::Snapshot(fetched, state));
            }
            Ok(Reading::NoSnapshot | Reading::Nothing) => {}
            // It was deleted just now.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let located = from.read_record(session, index, &key::snapshot_key(session, index)).await?;
    Ok(located.map_or(Found::Nothing, |located| Found::Record(located.record)))
}

impl Copy<'_> {
    /// Puts the target's record at an index: the snapshot if it is live in the source, else a mark with its identity.
    pub(super) async fn place(&mut self, index: SnapshotIndex, found: Found) -> Result<Placed> {
        let record = match found {
            Found::Snapshot(fetched, state) => return self.place_snapshot(index, &fetched, state).await,
            Found::Record(Record::Mark(seal)) if seal.is_seal() => return self.place_mark(seal).await,
            Found::Record(record) => Some(record),
            Found::Nothing => None,
        };
        let holds_none = matches!(&record, Some(Record::Mark(mark)) if !mark.is_moved());
        if let Some(record) = &record
            && (holds_none || !self.source.is_live(index))
        {
            return self.place_stub(index, record).await;
        }
        // A decision must have come between; without one, the record is lost.
        let seq = self.source.seq;
        self.source = self.from.read_decisions(self.session, Some(self.source.clone())).await?;
        if self.source.seq > seq {
            return Ok(Placed::Changed);
        }
        let error = missing(self.session, index, &key::snapshot_key(self.session, index));
        Err(uncopied(self.from, self.session, index, error))
    }

    async fn place_snapshot(
        &mut self,
        index: SnapshotIndex,
        fetched: &Fetched,
        state: Bytes,
    ) -> Result<Placed> {
        let (to, session) = (self.to, self.session);
        let segment_start = self.target.head_record.and_then(|record| record.segment_start);
        let parent = fetched.header.identity.parent.filter(|parent| {
            // A parent that is not in the target, or not in the segment, is nothing to store a snapshot against.
            self.source.is_live(*parent) && segment_start.is_some_and(|start| *parent >= start)
        });
        let body = to.encode(session, &state, index, parent.or(self.newest), &self.target).await?;
        let storage = body.storage(fetched.header.storage.write_id, to.options().codec_name.as_deref());
        let encoded = fetched
            .header
            .restored_as(storage)
            .and_then(|header| SnapshotObject::encode(&header, body.frames()).map(|object| (header, object)));
        let (header, object) = encoded.map_err(|error| self.unencodable(index, error))?;
        to.check_size(&object).await?;
        if !self.create_exactly(index, header.identity_digest(), &object).await? {
            return Ok(Placed::Changed);
        }
        let (stored_bytes, state_bytes) = (object.len() as u64, state.len() as u64);
        let chain = body.into_chain(index, &object, state_bytes);
        to.keep_warm(session, Warm::new(chain, state, None));
        self.advance(index, HeadRecord::of_snapshot(&header));
        if header.identity.name.is_some() {
            self.claim_name(index).await?;
        }
        Ok(Placed::Snapshot { stored_bytes, state_bytes })
    }

    /// What stands in the target for a snapshot that is not to be copied.
    async fn place_stub(&mut self, index: SnapshotIndex, record: &Record) -> Result<Placed> {
        let timestamp = match record {
            Record::Snapshot(header) => header.identity.timestamp,
            Record::Mark(mark) => mark.timestamp,
        };
        let identity_digest = record.identity_digest().map_err(|error| self.unencodable(index, error))?;
        let segment_start = self.target.head_record.and_then(|record| record.segment_start);
        self.place_mark(Mark {
            session: self.session.clone(),
            snapshot_index: index,
            timestamp,
            write_id: record.write_id(),
            // Inside a segment it belongs to it, so that later snapshots may build on earlier ones.
            segment_start: segment_start.unwrap_or(index),
            kind: MarkKind::Stub { identity_digest, moved: None },
        })
        .await
    }

    async fn place_mark(&mut self, mark: Mark) -> Result<Placed> {
        let index = mark.snapshot_index;
        let object = mark.encode().map_err(|error| self.unencodable(index, error))?;
        let identity_digest = mark.identity_digest().map_err(|error| self.unencodable(index, error))?;
        if !self.create_exactly(index, identity_digest, &object).await? {
            return Ok(Placed::Changed);
        }
        self.erased.insert(index);
        // A stub leaves its segment open.
        let segment_start = (!mark.is_seal() && mark.segment_start != index).then_some(mark.segment_start);
        self.advance(index, HeadRecord { identity_digest, segment_start });
        Ok(Placed::Mark)
    }

    /// Creates a record, and makes sure that the very bytes are there: what follows is stored against them. `false` when
    /// the same snapshot is there in another form.
    async fn create_exactly(
        &self,
        index: SnapshotIndex,
        identity_digest: [u8; 32],
        object: &Bytes,
    ) -> Result<bool> {
        let (to, session) = (self.to, self.session);
        let key = key::snapshot_key(session, index);
        let mut last = None;
        for _ in 0..AMBIGUOUS_ATTEMPTS {
            match to.create(&key, object.clone()).await? {
                Created::Yes => return Ok(true),
                Created::Exists => {}
                Created::Refused(error) if last.is_none() => {
                    let attempt = format!("cannot copy the record {session}@{index}");
                    return Err(Error::from_adapter(attempt, error).with_context("key", &key));
                }
                Created::NotDurable(error) => return Err(unknown(&key, Some(error))),
                Created::Ambiguous(error) | Created::Refused(error) => last = Some(error),
            }
            match to.read(&key).await? {
                Some(found) if found == *object => return Ok(true),
                Some(_) => {
                    let found = to.read_record(session, index, &key).await?;
                    let found = digest_of(&found.ok_or_else(|| missing(session, index, &key))?)?;
                    if found == identity_digest {
                        return Ok(false);
                    }
                    return Err(self.diverged(index, "another record came first"));
                }
                None => {}
            }
        }
        Err(unknown(&key, last))
    }

    fn advance(&mut self, index: SnapshotIndex, record: HeadRecord) {
        let decisions = std::mem::take(&mut self.target.decisions);
        self.target = View::new(decisions, Some(index)).with_head_record(Some(record));
    }

    fn unencodable(&self, index: SnapshotIndex, error: FormatError) -> Error {
        let session = self.session;
        unreadable(&format_args!("the copy of {session}@{index}"), &key::snapshot_key(session, index), error)
    }
}

/// A record of which it is not known whether it was written.
fn unknown(key: &str, cause: Option<persist_plugin_api::Error>) -> Error {
    let error = Error::new(
        ErrorKind::OutcomeUnknown,
        "copy_outcome_unknown",
        "it is not known how far the copy came",
    )
    .with_context("key", key)
    .with_hint("run the same command again; it continues the copy");
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}
