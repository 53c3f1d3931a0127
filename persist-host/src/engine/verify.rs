//! Verifying: every stored byte that the chosen snapshots need is read and checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};

use super::Store;
use super::chain::ancestors_digest;
use super::errors::{damaged, missing, unreadable};
use super::manifest::Decisions;
use crate::codec::off_thread;
use crate::format::{FormatError, Manifest, Mark, RecordObject, SnapshotObject};
use crate::observe::Operation;
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
    /// What is damaged is not the snapshot itself: an earlier manifest, or the record where a rewritten snapshot was.
    BadAside(Error),
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
        let rows = self
            .sessions(pattern)
            .map_ok(move |session| match index {
                Some(index) => {
                    let row = async move {
                        let attached = self.attachment_keys(&session, Some(index)).await?;
                        let row = self.verify_one(session, index, depth).await?;
                        self.check_attachments(row, &attached, depth).await
                    };
                    stream::once(row).boxed()
                }
                None => self.verify_session(session, named, depth).boxed(),
            })
            .try_flatten();
        self.operation(Operation::Verify, pattern).rows(rows.boxed())
    }

    /// Verifies one snapshot with its ancestors.
    async fn verify_one(&self, session: SessionRef, index: SnapshotIndex, depth: Depth) -> Result<VerifyRow> {
        let key = key::snapshot_key(&session, index);
        let checked = match self.fetch_named(&session, index).await {
            Ok(fetched) => {
                let length = fetched.header.identity.content_length;
                match depth {
                    Depth::Objects => Ok(length),
                    Depth::Data => self.build_state(fetched).await.map(|_| length),
                }
            }
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
            let attached = Arc::new(self.attachment_keys(&session, None).await?);
            let decisions = Arc::new(view.decisions);
            let manifests = self.earlier_manifests(session.clone(), decisions.seq);
            let records = self.examine_all(session.clone(), decisions.clone(), head);
            let examined = manifests.chain(records);
            let judge = Judge { session, decisions, seen: BTreeMap::new() };
            let rows = examined.scan(judge, |judge, (index, key, examined)| {
                let row = examined.and_then(|examined| judge.row(index, key, examined));
                std::future::ready(Some(row))
            });
            let rows = rows.filter_map(|row| std::future::ready(row.transpose()));
            let rows = rows.map(move |row| {
                let attached = attached.clone();
                async move {
                    let row = self.deepen(row?, depth).await?;
                    self.check_attachments(row, &attached, depth).await
                }
            });
            Ok::<_, Error>(rows.buffered(OBJECTS_AT_ONCE).boxed())
        })
        .try_flatten()
    }

    /// Reads the manifests before the one that holds, which is numbered `holding`. Nothing depends on them any more but a process that has not
    /// looked for long.
    fn earlier_manifests(
        &self,
        session: SessionRef,
        holding: u64,
    ) -> impl Stream<Item = (SnapshotIndex, String, Result<Examined>)> + Send + '_ {
        stream::iter(Manifest::FIRST_SEQ..holding)
            .map(move |seq| {
                let session = session.clone();
                async move {
                    let bad = match self.read_manifest(&session, seq).await {
                        Ok(Some(_)) => return None,
                        Ok(None) => Examined::BadAside(missing_manifest(&session, seq)),
                        Err(error) if error.kind() == ErrorKind::Integrity => Examined::BadAside(error),
                        Err(error) => return Some((key::manifest_key(&session, seq), Err(error))),
                    };
                    Some((key::manifest_key(&session, seq), Ok(bad)))
                }
            })
            .buffered(OBJECTS_AT_ONCE)
            .filter_map(|found| {
                std::future::ready(found.map(|(key, examined)| (SnapshotIndex::FIRST, key, examined)))
            })
    }

    /// Reads the records of a session in order, some at once. A rewritten snapshot has two.
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
                    let own_key = key::snapshot_key(&session, index);
                    let own = self.examine(&session, index, &own_key).await;
                    let Some(generation) = decisions.place(index) else {
                        return stream::iter(vec![(index, own_key, own)]);
                    };
                    let key = key::rewritten_key(&session, generation, index);
                    let rewritten = self.examine(&session, index, &key).await;
                    let mut examined = vec![(index, key, rewritten)];
                    match own {
                        Ok(Examined::Bad(error)) => {
                            examined.push((index, own_key, Ok(Examined::BadAside(error))));
                        }
                        Ok(_) => {}
                        Err(error) => examined.push((index, own_key, Err(error))),
                    }
                    stream::iter(examined)
                }
            })
            .buffered(OBJECTS_AT_ONCE)
            .flatten()
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
            Ok(RecordObject::Snapshot(object)) => Examined::Snapshot(object),
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
    /// The row of one record; `None` for an intact one that is no live snapshot. What is damaged and is no live
    /// snapshot is a matter of the session as a whole.
    fn row(&mut self, index: SnapshotIndex, key: String, examined: Examined) -> Result<Option<VerifyRow>> {
        let (segment_start, identity_digest, judged) = match examined {
            Examined::BadAside(error) => return row(&self.session, None, key, Err(error)).map(Some),
            Examined::Bad(error) => (self.segment(), None, Some(Err(error))),
            Examined::Mark(mark) => {
                // Where a snapshot was rewritten to is given up with it, and its stub stays as it is.
                let lost = mark.is_moved() && !self.decisions.gone.contains(index);
                let lost = lost.then(|| Err(missing(&self.session, index, &key)));
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
        match own {
            Err(error) if !live => row(&self.session, None, key, Err(error)).map(Some),
            own => live.then(|| row(&self.session, Some(index), key, own.and(verdict))).transpose(),
        }
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
                    let lost = found.map_or_else(|| self.key(*ancestor), |found| found.key.clone());
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

    /// Where a snapshot lies.
    fn key(&self, index: SnapshotIndex) -> String {
        match self.decisions.place(index) {
            Some(generation) => key::rewritten_key(&self.session, generation, index),
            None => key::snapshot_key(&self.session, index),
        }
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

/// Whether an error is about the stored bytes, and so a part of the report.
pub(super) fn is_finding(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible | ErrorKind::Plugin)
}

/// A manifest that must exist, since a later one does, and does not.
fn missing_manifest(session: &SessionRef, seq: u64) -> Error {
    let message = format!(
        "the manifest {seq} of the session {session} is missing from the store, though a later one exists"
    );
    Error::new(ErrorKind::Integrity, "object_missing", message)
        .with_context("key", key::manifest_key(session, seq))
        .with_hint("the later manifest repeats what it said; `persist repair` writes it anew")
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
        Err(error) if is_finding(&error) => (None, Some(error)),
        Err(error) => return Err(error),
    };
    Ok(VerifyRow { session: session.clone(), snapshot_index, key, content_length, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ancestor_that_was_not_read_is_named_by_its_key() {
        let (first, second) = (SnapshotIndex::FIRST, SnapshotIndex::new(1).unwrap());
        let session: SessionRef = "a/s".parse().unwrap();
        let judge = Judge { session, decisions: Arc::default(), seen: BTreeMap::new() };
        let intact = Intact {
            digest: [0; 32],
            content_length: 0,
            ancestors: vec![first],
            ancestors_digest: None,
            previous_identity: None,
        };
        let error = judge.check(second, "agents/a/s/d/0000000001", &intact).unwrap_err();
        assert_eq!(error.code(), "ancestor_damaged");
        assert_eq!(error.context()[1], ("damaged_key", "agents/a/s/d/0000000000".to_owned()));
    }
}
