//! What a session's objects tell about each other.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::super::Store;
use super::super::errors::{missing, unreadable, unreadable_manifest};
use super::super::manifest::Decisions;
use super::Remedy;
use crate::format::{
    AttachmentObject, FormatError, Generation, Manifest, Mark, MarkKind, Moved, RecordObject, Timestamp,
    WriteId,
};
use crate::{Error, ErrorKind, Result, SessionRef, SnapshotIndex, key};

/// How many objects are read at once; each is held whole.
const OBJECTS_AT_ONCE: usize = 4;

/// How often an examination starts again because a decision came between its reads.
const EXAMINATIONS: u32 = 8;

/// An object with a problem.
pub(super) struct Finding {
    pub(super) key: String,
    pub(super) problem: Error,
    pub(super) remedy: Remedy,
    /// What is to be written in its place.
    pub(super) replacement: Option<Bytes>,
    /// The bytes that two reads gave; `None` for a missing object.
    pub(super) damaged: Option<Bytes>,
    pub(super) lost: Vec<SnapshotIndex>,
}

/// What up to two reads of an object gave.
pub(super) enum Looked<T> {
    Intact(T),
    Missing,
    Damaged(Bytes, FormatError),
}

/// What an intact record tells about others.
struct Known {
    segment_start: SnapshotIndex,
    timestamp: Timestamp,
    write_id: WriteId,
    identity_digest: [u8; 32],
    previous_identity: Option<[u8; 32]>,
    /// The snapshots that it builds on; `None` in a mark.
    ancestors: Option<Vec<SnapshotIndex>>,
}

/// A session's records: those under the snapshots' own keys and, for rewritten ones, those in their generations.
#[derive(Default)]
struct Records {
    own: BTreeMap<SnapshotIndex, Option<Known>>,
    rewritten: BTreeMap<SnapshotIndex, Option<Known>>,
}

/// A damaged or missing record.
struct Bad {
    index: SnapshotIndex,
    generation: Option<Generation>,
    key: String,
    problem: Error,
    damaged: Option<Bytes>,
}

impl Store {
    /// Reads all objects of a session and says what is wrong with which.
    pub(super) async fn findings(&self, session: &SessionRef) -> Result<Vec<Finding>> {
        for _ in 0..EXAMINATIONS {
            let manifests = self.list_numbers(&key::manifest_prefix(session)).await?;
            if let Some((seq, _)) = manifests.last()
                && let Looked::Damaged(damaged, error) = self.look_at_manifest(session, *seq).await?
            {
                // What was deleted is not known without it, so nothing else in the session can be judged.
                let key = key::manifest_key(session, *seq);
                let problem = unreadable_manifest(session, *seq, &key, error);
                let (remedy, damaged) = (Remedy::None, Some(damaged));
                return Ok(vec![Finding {
                    key,
                    problem,
                    remedy,
                    replacement: None,
                    damaged,
                    lost: Vec::new(),
                }]);
            }
            let view = self.read_view(session).await?;
            let mut findings = self.manifest_findings(session, &view.decisions).await?;
            if let Some(head) = view.head {
                let (records, bad) = self.read_records(session, &view.decisions, head).await?;
                for bad in bad {
                    findings.push(judge(session, &view.decisions, &records, bad)?);
                }
            }
            findings.extend(self.attachment_findings(session).await?);
            // What a collection removed meanwhile is not missing.
            let seq = view.decisions.seq;
            if findings.is_empty() || self.read_decisions(session, Some(view.decisions)).await?.seq == seq {
                return Ok(findings);
            }
        }
        let message = format!("the session {session} changes faster than it can be examined");
        Err(Error::new(ErrorKind::Unavailable, "session_busy", message).with_hint("try again"))
    }

    /// Earlier manifests: the one that holds repeats all that still counts of what they said.
    async fn manifest_findings(&self, session: &SessionRef, decisions: &Decisions) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for seq in Manifest::FIRST_SEQ..decisions.seq {
            let key = key::manifest_key(session, seq);
            let (problem, damaged) = match self.look_at_manifest(session, seq).await? {
                Looked::Intact(_) => continue,
                Looked::Missing => {
                    let error = FormatError::corrupt("it is missing");
                    (unreadable_manifest(session, seq, &key, error), None)
                }
                Looked::Damaged(damaged, error) => {
                    (unreadable_manifest(session, seq, &key, error), Some(damaged))
                }
            };
            let manifest = Manifest {
                write_id: WriteId::random(),
                seq,
                session: session.clone(),
                boundary: decisions.boundary,
                deleted: decisions.deleted.clone(),
                gone: decisions.gone.clone(),
                generations: decisions.generations.clone(),
                labels: decisions.labels.clone(),
            };
            let what = format!("the manifest {seq} of the session {session}");
            let replacement = Some(manifest.encode().map_err(|error| unreadable(&what, &key, error))?);
            let remedy = Remedy::WriteManifest;
            findings.push(Finding { key, problem, remedy, replacement, damaged, lost: Vec::new() });
        }
        Ok(findings)
    }

    async fn look_at_manifest(&self, session: &SessionRef, seq: u64) -> Result<Looked<Manifest>> {
        let key = key::manifest_key(session, seq);
        let looked = self.look_twice(&key, |object| {
            let manifest = Manifest::parse(&object)?;
            manifest.expect(session, seq).map(|()| manifest)
        });
        looked.await
    }

    async fn read_records(
        &self,
        session: &SessionRef,
        decisions: &Decisions,
        head: SnapshotIndex,
    ) -> Result<(Records, Vec<Bad>)> {
        let indices = (decisions.boundary..=head.get()).filter_map(|number| SnapshotIndex::new(number).ok());
        let places = indices.flat_map(|index| {
            let rewritten = decisions.place(index).map(|generation| (index, Some(generation)));
            [Some((index, None)), rewritten].into_iter().flatten()
        });
        let mut looked = stream::iter(places)
            .map(|(index, generation)| async move {
                let key = match generation {
                    None => key::snapshot_key(session, index),
                    Some(generation) => key::rewritten_key(session, generation, index),
                };
                let looked = self.look_twice(&key, |object| Known::of(session, index, object)).await?;
                Ok::<_, Error>((index, generation, key, looked))
            })
            .buffered(OBJECTS_AT_ONCE);
        let (mut records, mut bad) = (Records::default(), Vec::new());
        while let Some((index, generation, key, looked)) = looked.try_next().await? {
            let known = match looked {
                Looked::Intact(known) => Some(known),
                Looked::Missing => {
                    let problem = missing(session, index, &key);
                    bad.push(Bad { index, generation, key, problem, damaged: None });
                    None
                }
                Looked::Damaged(damaged, error) => {
                    let problem = unreadable(&format_args!("the record {session}@{index}"), &key, error);
                    bad.push(Bad { index, generation, key, problem, damaged: Some(damaged) });
                    None
                }
            };
            let records = if generation.is_some() { &mut records.rewritten } else { &mut records.own };
            records.insert(index, known);
        }
        Ok((records, bad))
    }

    /// Attachments say what nothing else does. One that has gone since it was listed was replaced, or went with its
    /// snapshot.
    async fn attachment_findings(&self, session: &SessionRef) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for object in self.list_below(&key::attachments_prefix(session)).await? {
            let key = object.key;
            let looked = self.look_twice(&key, |object| AttachmentObject::parse(object).map(drop)).await?;
            if let Looked::Damaged(damaged, error) = looked {
                let problem = unreadable(&format_args!("the attachment {key:?}"), &key, error);
                let (remedy, damaged) = (Remedy::None, Some(damaged));
                findings.push(Finding { key, problem, remedy, replacement: None, damaged, lost: Vec::new() });
            }
        }
        Ok(findings)
    }

    /// Reads an object; when that fails or what comes is wrong, once more. Only what is wrong in the same way twice counts.
    pub(super) async fn look_twice<T>(
        &self,
        key: &str,
        parse: impl Fn(Bytes) -> Result<T, FormatError>,
    ) -> Result<Looked<T>> {
        let first = self.read(key).await;
        if let Ok(Some(object)) = &first
            && let Ok(parsed) = parse(object.clone())
        {
            return Ok(Looked::Intact(parsed));
        }
        match (first, self.read(key).await?) {
            (Ok(None), None) => Ok(Looked::Missing),
            (first, Some(object)) => match parse(object.clone()) {
                Ok(parsed) => Ok(Looked::Intact(parsed)),
                Err(error) if !error.is_damage() => {
                    Err(unreadable(&format_args!("the object {key:?}"), key, error))
                }
                Err(error) if first.is_ok_and(|first| first.as_ref() == Some(&object)) => {
                    Ok(Looked::Damaged(object, error))
                }
                Err(_) => Err(unsteady(key)),
            },
            (_, None) => Err(unsteady(key)),
        }
    }
}

impl Known {
    fn of(session: &SessionRef, index: SnapshotIndex, object: Bytes) -> Result<Self, FormatError> {
        match RecordObject::parse(object)? {
            RecordObject::Snapshot(object) => {
                let header = object.header();
                header.expect_identity(session, index)?;
                let ancestors = header.storage.delta.as_ref().map(|delta| delta.ancestors.clone());
                Ok(Self {
                    segment_start: header.storage.segment_start,
                    timestamp: header.identity.timestamp,
                    write_id: header.storage.write_id,
                    identity_digest: header.identity_digest(),
                    previous_identity: header.identity.previous_identity,
                    ancestors: Some(ancestors.unwrap_or_default()),
                })
            }
            RecordObject::Mark(mark) if mark.session == *session && mark.snapshot_index == index => {
                Ok(Self {
                    segment_start: mark.segment_start,
                    timestamp: mark.timestamp,
                    write_id: mark.write_id,
                    identity_digest: mark.identity_digest()?,
                    previous_identity: None,
                    ancestors: None,
                })
            }
            RecordObject::Mark(_) => Err(FormatError::corrupt("it belongs to another place")),
        }
    }
}

/// Says what is lost with a record, and what can take its place.
fn judge(session: &SessionRef, decisions: &Decisions, records: &Records, bad: Bad) -> Result<Finding> {
    let Bad { index, generation, key, problem, damaged } = bad;
    let place = decisions.place(index);
    let lost =
        if generation == place { records.dependents(index, generation, decisions) } else { Vec::new() };
    let stub = match place {
        // The rewritten snapshot itself: what it held lies nowhere else.
        Some(_) if generation.is_some() => None,
        Some(place) => records.rewritten.get(&index).and_then(Option::as_ref).and_then(|known| {
            let moved = Moved { generation: place, ancestors: known.ancestors.clone()? };
            Some(known.stub(session, index, Some(moved)))
        }),
        // Nothing can need what is deleted and has no dependents; that it is no snapshot is all there is to say.
        None if !decisions.is_live(index) && lost.is_empty() => {
            Some(records.neighbourly(index).stub(session, index, None))
        }
        None => None,
    };
    let replacement = stub.map(|stub| stub.encode()).transpose();
    let replacement =
        replacement.map_err(|error| unreadable(&format_args!("the stub {session}@{index}"), &key, error))?;
    let remedy = if replacement.is_some() { Remedy::WriteStub } else { Remedy::None };
    Ok(Finding { key, problem, remedy, replacement, damaged, lost })
}

impl Known {
    fn stub(&self, session: &SessionRef, index: SnapshotIndex, moved: Option<Moved>) -> Mark {
        Mark {
            session: session.clone(),
            snapshot_index: index,
            timestamp: self.timestamp,
            write_id: self.write_id,
            segment_start: self.segment_start,
            kind: MarkKind::Stub { identity_digest: self.identity_digest, moved },
        }
    }
}

impl Records {
    /// The live snapshots that cannot be restored without the record, itself among them.
    fn dependents(
        &self,
        index: SnapshotIndex,
        generation: Option<Generation>,
        decisions: &Decisions,
    ) -> Vec<SnapshotIndex> {
        let records = if generation.is_some() { &self.rewritten } else { &self.own };
        let needs = |known: &Known| known.ancestors.as_ref().is_some_and(|needed| needed.contains(&index));
        records
            .iter()
            .filter(|(at, known)| **at == index || known.as_ref().is_some_and(needs))
            .map(|(at, _)| *at)
            .filter(|at| decisions.is_live(*at) && decisions.place(*at) == generation)
            .collect()
    }

    /// What the records beside one that is lost tell about it.
    fn neighbourly(&self, index: SnapshotIndex) -> Known {
        let own = |index: Option<SnapshotIndex>| self.own.get(&index?).and_then(Option::as_ref);
        let (before, after) = (own(index.previous()), own(index.next()));
        // A stub does not tell what came before its snapshot; the rewritten snapshot does.
        let rewritten = index.next().and_then(|next| self.rewritten.get(&next)).and_then(Option::as_ref);
        let same_segment = after.map(|after| after.segment_start).filter(|start| *start <= index);
        Known {
            segment_start: same_segment.or(before.map(|before| before.segment_start)).unwrap_or(index),
            timestamp: before.or(after).map_or_else(Timestamp::now, |neighbour| neighbour.timestamp),
            write_id: WriteId::random(),
            // Where no snapshot follows that names it, nothing compares it with anything.
            identity_digest: rewritten
                .or(after)
                .and_then(|after| after.previous_identity)
                .unwrap_or_default(),
            previous_identity: None,
            ancestors: None,
        }
    }
}

/// An object that changes from read to read, or comes and goes.
fn unsteady(key: &str) -> Error {
    let message =
        format!("two reads of the object {key:?} gave different results; nothing was done about it");
    Error::new(ErrorKind::Unavailable, "reads_differ", message)
        .with_context("key", key)
        .with_hint("try again; if it goes on, the storage or the way to it is at fault")
}
