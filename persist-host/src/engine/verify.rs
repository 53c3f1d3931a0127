//! Verifying: every stored byte that the chosen snapshots need is read and checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};

use super::Store;
use super::chain::ancestors_digest;
use super::errors::{damaged, missing, unreadable};
use super::fetch::Reading;
use super::manifest::Decisions;
use crate::codec::off_thread;
use crate::format::{FormatError, Mark, RecordObject, SnapshotObject};
use crate::{Error, ErrorKind, RefPattern, Result, SessionRef, SnapshotIndex, VerifyRow, key};

/// How many objects are read at once; each is held whole.
const OBJECTS_AT_ONCE: usize = 4;

/// How much verifying does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Checks the digests of every object that the snapshots need, without decompressing any.
    #[default]
    Objects,
    /// Restores every snapshot as well.
    Data,
}

/// What is remembered of an object while the rest of its segment is read.
struct Checked {
    segment_start: SnapshotIndex,
    /// The object's digest and its ancestors; `None` for one that is damaged or missing.
    intact: Option<Intact>,
    /// The digest of its identity, where its header could be read.
    identity_digest: Option<[u8; 32]>,
    key: String,
}

struct Intact {
    digest: [u8; 32],
    content_length: u64,
    ancestors: Vec<SnapshotIndex>,
    ancestors_digest: Option<[u8; 16]>,
    previous_identity: Option<[u8; 32]>,
}

/// An object as it was read, in the order of indices.
enum Examined {
    Snapshot(Box<SnapshotObject>),
    Mark(Mark),
    Bad(Error),
}

impl Store {
    /// Verifies the snapshots that a pattern covers, in the order of [`Store::list`]. A snapshot is in order only if the
    /// objects that it builds on are.
    ///
    /// Damage is a row with an error, and the rows after it still come. An error of the stream itself means that the
    /// backend failed, so that nothing is known of what was not reached.
    pub fn verify(
        &self,
        pattern: &RefPattern,
        depth: Depth,
    ) -> impl Stream<Item = Result<VerifyRow>> + Send + use<'_> {
        let index = pattern.index;
        let named = pattern.session.is_some();
        self.sessions(pattern)
            .map_ok(move |session| match index {
                Some(index) => {
                    stream::once(async move { self.verify_one(session, index, depth).await }).boxed()
                }
                None => self.verify_session(session, named, depth).boxed(),
            })
            .try_flatten()
    }

    /// Verifies one snapshot with its ancestors.
    async fn verify_one(&self, session: SessionRef, index: SnapshotIndex, depth: Depth) -> Result<VerifyRow> {
        let key = key::snapshot_key(&session, index);
        let checked = match self.fetch(&session, index, None).await {
            Ok(Reading::Found(fetched)) => {
                let length = fetched.header.identity.content_length;
                match depth {
                    Depth::Objects => Ok(length),
                    Depth::Data => self.build_state(fetched).await.map(|_| length),
                }
            }
            Ok(Reading::NoSnapshot) => return Err(super::errors::no_snapshot_here(&session, index)),
            Ok(Reading::Nothing) => Err(self.explain_absence(&session, index).await),
            Err(error) => Err(error),
        };
        row(&session, Some(index), key, checked)
    }

    fn verify_session(
        &self,
        session: SessionRef,
        named: bool,
        depth: Depth,
    ) -> impl Stream<Item = Result<VerifyRow>> + Send + '_ {
        stream::once(async move {
            let view = match self.read_view(&session).await {
                Ok(view) => view,
                Err(error) => {
                    // A damaged manifest: which snapshots were deleted is not known, so the session as a whole is named.
                    let key =
                        error.context().iter().find(|(name, _)| *name == "key").map(|(_, key)| key.clone());
                    let key = key.unwrap_or_else(|| key::manifest_prefix(&session));
                    let row = row(&session, None, key, Err(error))?;
                    return Ok(stream::iter([Ok(row)]).boxed());
                }
            };
            let Some(head) = view.head.filter(|head| head.get() >= view.decisions.boundary) else {
                // A person asked for this one: say why there is nothing to verify.
                return if named {
                    Err(super::errors::no_session(&session))
                } else {
                    Ok(stream::empty().boxed())
                };
            };
            let decisions = Arc::new(view.decisions);
            let examined = self.examine_all(session.clone(), decisions.clone(), head);
            let judge = Judge { session, decisions, seen: BTreeMap::new() };
            let rows = examined.scan(judge, |judge, (index, key, examined)| {
                let row = examined.and_then(|examined| judge.row(index, key, examined));
                std::future::ready(Some(row))
            });
            let rows = rows.filter_map(|row| std::future::ready(row.transpose()));
            let rows =
                rows.map(move |row| async move { self.deepen(row?, depth).await }).buffered(OBJECTS_AT_ONCE);
            Ok::<_, Error>(rows.boxed())
        })
        .try_flatten()
    }

    /// Reads the records of a session in order, some at once.
    fn examine_all(
        &self,
        session: SessionRef,
        decisions: Arc<Decisions>,
        head: SnapshotIndex,
    ) -> impl Stream<Item = (SnapshotIndex, String, Result<Examined>)> + Send + '_ {
        let indices = (decisions.boundary..=head.get()).filter_map(|number| SnapshotIndex::new(number).ok());
        stream::iter(indices)
            .map(move |index| {
                let (session, decisions) = (session.clone(), decisions.clone());
                async move {
                    let key = match decisions.place(index) {
                        Some(generation) => key::rewritten_key(&session, generation, index),
                        None => key::snapshot_key(&session, index),
                    };
                    let examined = self.examine(&session, index, &key).await;
                    (index, key, examined)
                }
            })
            .buffered(OBJECTS_AT_ONCE)
    }

    async fn examine(&self, session: &SessionRef, index: SnapshotIndex, key: &str) -> Result<Examined> {
        let Some(object) = self.read(key).await? else {
            return Ok(Examined::Bad(missing(session, index, key)));
        };
        let what = format!("the snapshot {session}@{index}");
        let parsed = off_thread(object.len(), move || Ok(RecordObject::parse(object))).await?;
        let placed = parsed.and_then(|object| {
            match &object {
                RecordObject::Snapshot(snapshot) => snapshot.header().expect_identity(session, index)?,
                RecordObject::Mark(mark) if mark.session == *session && mark.snapshot_index == index => {}
                RecordObject::Mark(_) => return Err(FormatError::corrupt("it belongs to another place")),
            }
            Ok(object)
        });
        Ok(match placed {
            Ok(RecordObject::Snapshot(object)) => Examined::Snapshot(Box::new(object)),
            Ok(RecordObject::Mark(mark)) => Examined::Mark(mark),
            Err(error) => Examined::Bad(unreadable(&what, key, error)),
        })
    }

    /// Restores the snapshot of a row that is in order so far, if that was asked for.
    async fn deepen(&self, found: VerifyRow, depth: Depth) -> Result<VerifyRow> {
        match (depth, found.snapshot_index) {
            (Depth::Data, Some(index)) if found.error.is_none() => {
                let mut restored = self.verify_one(found.session.clone(), index, depth).await?;
                restored.key = found.key;
                Ok(restored)
            }
            _ => Ok(found),
        }
    }
}

/// Judges the records of one session in order, remembering no more than the segment that is being read.
struct Judge {
    session: SessionRef,
    decisions: Arc<Decisions>,
    seen: BTreeMap<SnapshotIndex, Checked>,
}

impl Judge {
    /// The row of one record; `None` for a record that is no live snapshot.
    fn row(&mut self, index: SnapshotIndex, key: String, examined: Examined) -> Result<Option<VerifyRow>> {
        let (segment_start, identity_digest, judged) = match examined {
            Examined::Bad(error) => (self.segment(), None, Some(Err(error))),
            Examined::Mark(mark) => {
                let lost = mark.is_moved().then(|| Err(missing(&self.session, index, &key)));
                (mark.segment_start, mark.identity_digest().ok(), lost)
            }
            Examined::Snapshot(object) => {
                let header = object.header();
                let delta = header.storage.delta.as_ref();
                let intact = Intact {
                    digest: object.digest(),
                    content_length: header.identity.content_length,
                    ancestors: delta.map_or_else(Vec::new, |delta| delta.ancestors.clone()),
                    ancestors_digest: delta.map(|delta| delta.ancestors_digest),
                    previous_identity: header.identity.previous_identity,
                };
                (header.storage.segment_start, Some(header.identity_digest()), Some(Ok(intact)))
            }
        };
        // What came before this segment is of no more use, but for the record just before.
        let keep = index.previous().map_or(segment_start, |previous| segment_start.min(previous));
        self.seen = self.seen.split_off(&keep);
        let live = self.decisions.is_live(index);
        let verdict = match &judged {
            Some(Ok(intact)) => self.check(index, &key, intact).map(|()| intact.content_length),
            _ => Ok(0),
        };
        let (intact, own) = match judged {
            Some(Ok(intact)) => (Some(intact), Ok(())),
            Some(Err(error)) => (None, Err(error)),
            None => {
                self.seen.insert(index, Checked { segment_start, intact: None, identity_digest, key });
                return Ok(None);
            }
        };
        self.seen.insert(index, Checked { segment_start, intact, identity_digest, key: key.clone() });
        live.then(|| row(&self.session, Some(index), key, own.and(verdict))).transpose()
    }

    /// Checks that a snapshot's ancestors are intact and its own, and that it continues the record before it.
    fn check(&self, index: SnapshotIndex, key: &str, intact: &Intact) -> Result<()> {
        let session = &self.session;
        let what = format!("the snapshot {session}@{index}");
        let mut digests = Vec::new();
        for ancestor in &intact.ancestors {
            match self.seen.get(ancestor) {
                Some(Checked { intact: Some(found), .. }) => digests.push(found.digest),
                found => {
                    let lost = found.map_or_else(|| "that object".to_owned(), |found| found.key.clone());
                    let message =
                        format!("{what} builds on the snapshot @{ancestor}, which is damaged or missing");
                    return Err(Error::new(ErrorKind::Integrity, "ancestor_damaged", message)
                        .with_context("key", key)
                        .with_context("damaged_key", lost)
                        .with_hint("bring the damaged object back from a backup of the store"));
                }
            }
        }
        let previous = index.previous().and_then(|previous| Some((previous, self.seen.get(&previous)?)));
        if let (Some(expected), Some((previous, before))) = (intact.previous_identity, previous)
            && before.identity_digest.is_some_and(|found| found != expected)
        {
            return Err(broken_chain(session, index, previous, key));
        }
        if let Some(expected) = intact.ancestors_digest
            && ancestors_digest(digests.iter()) != expected
        {
            let error = FormatError::corrupt("its ancestors are not those that it was stored against");
            return Err(damaged(&what, key).with_source(error));
        }
        Ok(())
    }

    /// The segment that is being read, as far as is known.
    fn segment(&self) -> SnapshotIndex {
        self.seen.last_key_value().map_or(SnapshotIndex::FIRST, |(_, checked)| checked.segment_start)
    }
}

/// A snapshot that is intact in itself and does not continue the one before it.
fn broken_chain(session: &SessionRef, index: SnapshotIndex, previous: SnapshotIndex, key: &str) -> Error {
    let message =
        format!("the snapshot {session}@{index} does not continue the snapshot @{previous} that is stored");
    Error::new(ErrorKind::Integrity, "chain_broken", message)
        .with_context("key", key)
        .with_hint("one of the two was replaced; compare both with a backup of the store")
}

/// A row of the report; an error that is not about the stored bytes ends the report.
fn row(
    session: &SessionRef,
    snapshot_index: Option<SnapshotIndex>,
    key: String,
    checked: Result<u64>,
) -> Result<VerifyRow> {
    let (content_length, error) = match checked {
        Ok(length) => (Some(length), None),
        Err(error)
            if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible | ErrorKind::Plugin) =>
        {
            (None, Some(error))
        }
        Err(error) => return Err(error),
    };
    Ok(VerifyRow { session: session.clone(), snapshot_index, key, content_length, error })
}
