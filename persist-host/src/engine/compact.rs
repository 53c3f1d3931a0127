//! Compacting: storing the snapshots that are kept anew, without the deleted ones that they were built on, so that what
//! only the deleted ones held is gone from the store.

use super::Store;
use super::cache::Warm;
use super::collect::{Collected, DECISION_ATTEMPTS, busy};
use super::encode::Body;
use super::errors::unreadable;
use super::fetch::Reading;
use super::head::View;
use super::manifest::{Decided, Decisions};
use super::objects::Created;
use super::survey::{Segment, left, unreadable as unreadable_records};
use crate::format::{Generation, IndexSet, SnapshotObject};
use crate::observe::Operation;
use crate::{Error, Result, SessionRef, SnapshotIndex, WriteId, key};

impl Store {
    /// Erases what only deleted snapshots of a session held. Kept snapshots that were built on them are stored anew
    /// first; every one of them restores all the while. It may be interrupted and run again.
    ///
    /// # Errors
    /// As [`Store::collect`]; a kept snapshot that cannot be restored is [`ErrorKind::Integrity`](crate::ErrorKind) and
    /// nothing is erased that it is built on. What cannot be erased because a record beside it cannot be read is counted
    /// in [`Collected::left`].
    pub async fn compact(&self, session: &SessionRef) -> Result<Collected> {
        let operation = self.operation(Operation::Compact, session);
        let work = async {
            let mut total = self.collect(session).await?;
            let mut lost = 0;
            while lost < DECISION_ATTEMPTS {
                let mut view = self.read_view(session).await?;
                let Some(segments) = self.survey(session, &view).await? else {
                    lost += 1;
                    continue;
                };
                if !segments.iter().any(|segment| holds_erasable(segment, &view)) {
                    let swept = self.sweep(session, &view.decisions, unreadable_records(&segments)).await?;
                    total.add(&swept);
                    total.left = left(&segments, &view.decisions);
                    self.cache().remove(session);
                    return Ok(total);
                }
                let newest = segments.len() - 1;
                for (at, segment) in segments.iter().enumerate() {
                    if !holds_erasable(segment, &view) {
                        continue;
                    }
                    if at == newest {
                        self.put_seal(session, &view).await?;
                        break;
                    }
                    // As long as no other decision comes first, the survey is still right about the segments that follow.
                    match self.rewrite(session, &view, segment).await? {
                        Some((rewritten, decisions)) => {
                            total.rewritten += rewritten;
                            view = View::new(decisions, view.head);
                        }
                        None => {
                            lost += 1;
                            break;
                        }
                    }
                }
            }
            Err(busy(session))
        };
        operation.run(work).await
    }

    /// Rewrites a closed segment; how many snapshots of it are kept, and the decisions that hold then. `None` when
    /// another decision came first.
    async fn rewrite(
        &self,
        session: &SessionRef,
        view: &View,
        segment: &Segment,
    ) -> Result<Option<(u64, Decisions)>> {
        let (Some(first), Some(last)) = (segment.first(), segment.last()) else { return Ok(None) };
        let generation = Generation { seq: view.decisions.seq + 1, attempt: WriteId::random() };
        let mut kept = IndexSet::new();
        let mut below: Option<Warm> = None;
        for record in segment.records.iter().filter(|record| !record.is_dead(&view.decisions)) {
            let index = record.index;
            let fetched = match self.fetch(session, index, Some(view.decisions.clone())).await {
                Ok(Reading::Found(fetched)) if fetched.decisions.seq == view.decisions.seq => fetched,
                Err(error) if error.kind() != crate::ErrorKind::NotFound => return Err(error),
                // Deleted or decided upon meanwhile: this rewriting is out of date.
                _ => return Ok(None),
            };
            let (fetched, state) = self.build_state(fetched).await?;
            let body = self.encode_after(below.take(), &state, index, first).await?;
            let write_id = fetched.header.storage.write_id;
            let storage = body.storage(write_id, self.options().codec_name.as_deref());
            let key = key::rewritten_key(session, generation, index);
            let what = format!("the snapshot {session}@{index}");
            let object = fetched
                .header
                .restored_as(storage)
                .and_then(|header| SnapshotObject::encode(&header, body.frames()))
                .map_err(|error| unreadable(&what, &key, error))?;
            self.create_rewritten(&key, object.clone()).await?;
            kept.insert(index);
            let chain = body.into_chain(index, &object, state.len() as u64);
            below = Some(Warm::new(chain, state, None));
        }
        let mut next = view.decisions.successor();
        let dead = segment.records.iter().map(|record| record.index);
        next.gone.extend(dead.filter(|index| view.decisions.deleted.contains(*index)));
        let count = kept.len();
        next.generations.replace(first, last, generation, kept);
        match self.decide(session, &next).await? {
            Decided::Yes => {
                self.remember(session, View::new(next.clone(), view.head));
                Ok(Some((count, next)))
            }
            Decided::Lost => Ok(None),
        }
    }

    /// Creates a rewritten snapshot under a key that nobody else ever uses, so that whatever is there is this.
    async fn create_rewritten(&self, key: &str, object: bytes::Bytes) -> Result<()> {
        let mut last = None;
        for _ in 0..super::manifest::AMBIGUOUS_ATTEMPTS {
            match self.create(key, object.clone()).await? {
                Created::Yes | Created::Exists => return Ok(()),
                Created::Ambiguous(error) | Created::NotDurable(error) => last = Some(error),
                Created::Refused(error) => {
                    last = Some(error);
                    break;
                }
            }
        }
        let attempt = format!("cannot write the rewritten snapshot {key:?}");
        Err(match last {
            Some(error) => Error::from_adapter(attempt, error),
            None => Error::new(crate::ErrorKind::Other, "backend_failed", attempt),
        }
        .with_context("key", key)
        .with_hint("nothing was erased; run the same command again"))
    }

    /// Encodes a kept snapshot after the one before it in the same rewriting.
    async fn encode_after(
        &self,
        below: Option<Warm>,
        state: &bytes::Bytes,
        index: SnapshotIndex,
        segment_start: SnapshotIndex,
    ) -> Result<Body> {
        match below {
            Some(warm) => match self.encode_on(warm.into(), state, segment_start).await? {
                Some(body) => Ok(body),
                None => Ok(self.encode_full(state, index).await?.in_segment(segment_start)),
            },
            None => Ok(self.encode_full(state, index).await?.in_segment(segment_start)),
        }
    }
}

impl Collected {
    fn add(&mut self, other: &Self) {
        self.freed_bytes += other.freed_bytes;
        self.freed_objects += other.freed_objects;
        self.unreadable = other.unreadable;
    }
}

/// Whether a segment still holds content of deleted snapshots that rewriting it erases. One with a record that cannot be
/// read cannot be rewritten as a whole.
fn holds_erasable(segment: &Segment, view: &View) -> bool {
    segment.unreadable().next().is_none()
        && segment.records.iter().any(|record| record.is_left(&view.decisions))
}
