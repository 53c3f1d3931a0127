//! Manifests: the decisions about a session, numbered, each replacing the one before as a whole.

use super::Store;
use super::errors::{unreadable, unreadable_manifest};
use super::objects::Created;
use crate::format::{Generation, Generations, IndexSet, LabelChanges, Manifest};
use crate::{Error, ErrorKind, Result, SessionRef, SnapshotIndex, WriteId, key};

/// How often an ambiguous creation is read back and tried again with the same bytes.
pub(super) const AMBIGUOUS_ATTEMPTS: u32 = 4;

/// The last manifest that a reader knows of; number 0 stands for "none yet".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decisions {
    pub(super) seq: u64,
    pub(super) boundary: u64,
    pub(super) deleted: IndexSet,
    pub(super) gone: IndexSet,
    pub(super) generations: Generations,
    pub(super) labels: LabelChanges,
}

impl Decisions {
    /// Whether an index still counts: neither deleted nor collected.
    pub(super) fn is_live(&self, index: SnapshotIndex) -> bool {
        index.get() >= self.boundary && !self.deleted.contains(index)
    }

    /// Where the snapshot's truth lies: in a generation once it was rewritten, else under its own key.
    pub(super) fn place(&self, index: SnapshotIndex) -> Option<Generation> {
        self.generations.of(index)
    }

    /// The decisions that follow these, the same so far.
    pub(super) fn successor(&self) -> Self {
        Self { seq: self.seq + 1, ..self.clone() }
    }

    /// Moves the boundary up, and forgets what lies below it.
    pub(super) fn raise_boundary(&mut self, boundary: u64) {
        self.boundary = boundary;
        self.deleted.remove_below(boundary);
        self.gone.remove_below(boundary);
        self.generations.remove_below(boundary);
        self.labels.retain(|index, _| index.get() >= boundary);
    }
}

/// How an attempt to add a manifest ended.
pub(super) enum Decided {
    /// It holds.
    Yes,
    /// Another decision came first; read it and decide anew.
    Lost,
}

impl Store {
    /// The manifest that holds, starting from what is known. Manifests are never removed, so the first free number
    /// ends them.
    pub(super) async fn read_decisions(
        &self,
        session: &SessionRef,
        known: Option<Decisions>,
    ) -> Result<Decisions> {
        let mut decisions = match known {
            Some(decisions) => decisions,
            None => self.listed_decisions(session).await?,
        };
        while let Some(next) = self.read_manifest(session, decisions.seq + 1).await? {
            decisions = next;
        }
        Ok(decisions)
    }

    /// Jumps to the last manifest that a listing shows, so that a long history costs one read.
    async fn listed_decisions(&self, session: &SessionRef) -> Result<Decisions> {
        let listed = self.list_numbers(&key::manifest_prefix(session)).await?;
        match listed.last() {
            Some((seq, _)) => Ok(self.read_manifest(session, *seq).await?.unwrap_or_default()),
            None => Ok(Decisions::default()),
        }
    }

    /// Reads one manifest; `None` when its number is free.
    pub(super) async fn read_manifest(&self, session: &SessionRef, seq: u64) -> Result<Option<Decisions>> {
        Ok(self.load_manifest(session, seq).await?.map(|manifest| Decisions {
            seq,
            boundary: manifest.boundary,
            deleted: manifest.deleted,
            gone: manifest.gone,
            generations: manifest.generations,
            labels: manifest.labels,
        }))
    }

    async fn load_manifest(&self, session: &SessionRef, seq: u64) -> Result<Option<Manifest>> {
        let key = key::manifest_key(session, seq);
        let Some(object) = self.read(&key).await? else { return Ok(None) };
        let parsed =
            Manifest::parse(&object).and_then(|manifest| manifest.expect(session, seq).map(|()| manifest));
        parsed.map(Some).map_err(|error| unreadable_manifest(session, seq, &key, error))
    }

    /// Makes a decision by creating the manifest after the one it was computed from.
    pub(super) async fn decide(&self, session: &SessionRef, next: &Decisions) -> Result<Decided> {
        let write_id = WriteId::random();
        let key = key::manifest_key(session, next.seq);
        let manifest = Manifest {
            write_id,
            seq: next.seq,
            session: session.clone(),
            boundary: next.boundary,
            deleted: next.deleted.clone(),
            gone: next.gone.clone(),
            generations: next.generations.clone(),
            labels: next.labels.clone(),
        };
        let what = format!("the manifest {} of the session {session}", next.seq);
        let object = manifest.encode().map_err(|error| unreadable(&what, &key, error))?;
        let mut last = None;
        for _ in 0..AMBIGUOUS_ATTEMPTS {
            match self.create(&key, object.clone()).await? {
                Created::Yes => return Ok(Decided::Yes),
                Created::Refused(error) if last.is_none() => {
                    return Err(
                        Error::from_adapter(format!("cannot write {what}"), error).with_context("key", &key)
                    );
                }
                Created::Exists => {}
                Created::NotDurable(error) => {
                    return Err(unknown_decision(session, &key).with_source(error));
                }
                Created::Ambiguous(error) | Created::Refused(error) => last = Some(error),
            }
            match self.load_manifest(session, next.seq).await {
                Ok(Some(found)) if found.write_id == write_id => return Ok(Decided::Yes),
                Ok(Some(_)) => return Ok(Decided::Lost),
                Ok(None) => {}
                Err(error) => return Err(unknown_decision(session, &key).with_source(error)),
            }
        }
        let error = unknown_decision(session, &key);
        Err(match last {
            Some(cause) => error.with_source(cause),
            None => error,
        })
    }
}

fn unknown_decision(session: &SessionRef, key: &str) -> Error {
    let message = format!("it is not known whether the change to the session {session} was made");
    Error::new(ErrorKind::OutcomeUnknown, "decision_outcome_unknown", message)
        .with_context("key", key)
        .with_hint("run the same command again; a change that was made already is reported as such")
}
