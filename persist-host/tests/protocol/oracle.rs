//! What must hold, whatever the schedule: the oracle sees every object that comes into being or goes, and hears what
//! each operation reported.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use persist_host::format::{Manifest, Record, RecordObject, WriteId};
use persist_host::{ErrorKind, Expect, SnapshotIndex, key};

/// What became of a save, as far as its caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Nothing,
    Saved(u64),
    Failed,
}

/// One save: a state that its caller wanted to be stored once, however often it asked.
pub(crate) struct Save {
    pub(crate) session: usize,
    pub(crate) state: Bytes,
    pub(crate) expect: Expect,
    committed: Vec<u64>,
    told: Told,
}

struct First {
    write_id: WriteId,
    /// The save; `None` for a seal.
    save: Option<usize>,
}

/// One session, as it truly is.
#[derive(Default)]
pub(crate) struct Session {
    first: BTreeMap<u64, First>,
    latest: Option<Manifest>,
    /// Snapshots whose deletion somebody asked for.
    requested: BTreeSet<u64>,
    /// Snapshots whose deletion was acknowledged.
    pub(crate) deleted: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
    /// How many deletions of everything are under way, or were left open.
    pub(crate) deleting_all: usize,
    /// The last time that it had no live snapshot.
    empty_at: usize,
}

impl Session {
    pub(crate) fn boundary(&self) -> u64 {
        self.latest.as_ref().map_or(0, |manifest| manifest.boundary)
    }

    /// The index after the highest.
    pub(crate) fn next(&self) -> u64 {
        self.first.last_key_value().map_or(0, |(index, _)| index + 1)
    }

    /// Whether an index holds a snapshot that no manifest has given up.
    pub(crate) fn is_live(&self, index: u64) -> bool {
        let snapshot = self.first.get(&index).is_some_and(|first| first.save.is_some());
        snapshot
            && self.latest.as_ref().is_none_or(|manifest| {
                index >= manifest.boundary && !manifest.deleted.contains(number(index))
            })
    }

    pub(crate) fn live(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.first.keys().copied().filter(|index| self.is_live(*index))
    }

    /// All snapshots that there ever were, with their saves.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = (u64, usize)> {
        self.first.iter().filter_map(|(index, first)| Some((*index, first.save?)))
    }
}

/// What was true when a read began.
pub(crate) struct Since {
    session: usize,
    time: usize,
    /// The newest snapshot that was acknowledged and whose deletion nobody had asked for.
    newest: Option<u64>,
    deleted: BTreeSet<u64>,
}

pub(crate) const SESSIONS: [&str; 2] = ["a/s", "a/t"];

#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) sessions: [Session; SESSIONS.len()],
    pub(crate) saves: Vec<Save>,
    time: usize,
    /// The first thing that must not happen.
    pub(crate) violation: Option<String>,
    pub(crate) outcomes: BTreeMap<&'static str, usize>,
    /// What was attached, and acknowledged: session, snapshot and number.
    pub(crate) attached: Vec<(usize, u64, usize)>,
    /// How many attachments there were, acknowledged or not.
    pub(crate) attachments: usize,
}

impl Oracle {
    pub(crate) fn fail(&mut self, text: impl Into<String>) {
        self.violation.get_or_insert(text.into());
    }

    fn require(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.fail(text());
        }
    }

    pub(crate) fn count(&mut self, outcome: &'static str) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    pub(crate) fn begin_save(&mut self, session: usize, state: Bytes, expect: Expect) -> usize {
        self.saves.push(Save { session, state, expect, committed: Vec::new(), told: Told::Nothing });
        self.saves.len() - 1
    }

    /// The state of a snapshot.
    pub(crate) fn state(&self, session: usize, index: u64) -> Bytes {
        let save = self.sessions[session].first.get(&index).and_then(|first| first.save);
        self.saves[save.unwrap()].state.clone()
    }

    // What happens to objects.

    pub(crate) fn created(&mut self, key: &str, object: &Bytes, save: Option<usize>) {
        self.time += 1;
        match Place::of(key) {
            Some(Place { session, kind: "d", index, .. }) => {
                self.record_created(session, index, object, save);
            }
            Some(Place { session, kind: "m", index, .. }) => self.decided(session, index, object),
            _ => {}
        }
        self.note_emptiness();
    }

    fn record_created(&mut self, session: usize, index: u64, object: &Bytes, save: Option<usize>) {
        let record = match RecordObject::parse(object.clone()) {
            Ok(RecordObject::Snapshot(object)) => Record::Snapshot(Box::new(object.into_header())),
            Ok(RecordObject::Mark(mark)) => Record::Mark(mark),
            Err(error) => return self.fail(format!("the record {index} is written damaged: {error}")),
        };
        let facts = &self.sessions[session];
        let (next, boundary) = (facts.next(), facts.boundary());
        if index < next {
            // An old request has arrived where everything was collected; nobody may take it for a snapshot.
            self.count("created after collection");
            return self.require(index < boundary, || format!("index {index} was free and created again"));
        }
        self.require(index == next, || format!("gap: index {index} created while the next was {next}"));
        let snapshot = matches!(record, Record::Snapshot(_));
        let save = save.filter(|_| snapshot);
        self.require(snapshot == save.is_some(), || format!("index {index} was created by no save"));
        if let Some(save) = save {
            self.committed(session, index, save);
        }
        self.sessions[session].first.insert(index, First { write_id: record.write_id(), save });
    }

    fn committed(&mut self, session: usize, index: u64, at: usize) {
        let boundary = self.sessions[session].boundary();
        let save = &mut self.saves[at];
        save.committed.push(index);
        let (told, committed, expect) = (save.told, save.committed.clone(), save.expect);
        self.require(save_session(&self.saves, at) == session, || "a save in another session".to_owned());
        self.require(told != Told::Failed, || {
            format!("a failed save changed something: {index} appeared after certain failure")
        });
        // A write id is forgotten with its snapshot once that was deleted and collected.
        let before = &committed[..committed.len() - 1];
        let forgotten = before.iter().all(|index| *index < boundary);
        self.require(forgotten, || format!("one save committed at {committed:?}"));
        if !before.is_empty() {
            self.count("saved again after collection");
        }
        let from = match expect {
            Expect::Any => return,
            Expect::Empty => 0,
            Expect::Index(parent) => parent.get() + 1,
        };
        let passed = (from..index).find(|index| self.sessions[session].is_live(*index));
        self.require(passed.is_none(), || {
            format!("expecting {expect:?} succeeded at {index} over the live snapshot {passed:?}")
        });
    }

    fn decided(&mut self, session: usize, seq: u64, object: &Bytes) {
        let manifest = match Manifest::parse(object) {
            Ok(manifest) => manifest,
            Err(error) => return self.fail(format!("the manifest {seq} is written damaged: {error}")),
        };
        let facts = &mut self.sessions[session];
        let before = facts.latest.replace(manifest.clone());
        let (last, old) = before.as_ref().map_or((0, 0), |before| (before.seq, before.boundary));
        let boundary = manifest.boundary;
        let is_deleted = |index| before.as_ref().is_some_and(|before| before.deleted.contains(number(index)));
        let mut wrong = Vec::new();
        if (manifest.seq, seq) != (last + 1, last + 1) {
            wrong.push(format!("its number follows {last}"));
        }
        if boundary < old || boundary >= facts.next().max(1) {
            wrong.push(format!("its boundary {boundary} follows {old}, the next index is {}", facts.next()));
        }
        for index in old..boundary {
            let seal = facts.first.get(&index).is_some_and(|first| first.save.is_none());
            if !seal && !is_deleted(index) {
                wrong.push(format!("it collects the live snapshot {index}"));
            }
        }
        for index in (boundary..facts.next()).filter(|index| is_deleted(*index)) {
            if !manifest.deleted.contains(number(index)) {
                wrong.push(format!("the deletion of {index} is lost"));
            }
        }
        for index in manifest.deleted.iter().map(SnapshotIndex::get) {
            if facts.deleting_all > 0 {
                facts.requested.insert(index);
            }
            if !facts.requested.contains(&index) {
                wrong.push(format!("nobody asked for the deletion of {index}"));
            }
            if !facts.first.contains_key(&index) {
                wrong.push(format!("it deletes {index}, which was never written"));
            }
        }
        if let Some(index) = manifest.gone.iter().find(|index| !manifest.deleted.contains(*index)) {
            wrong.push(format!("it gives up {index}, which is not deleted"));
        }
        if !wrong.is_empty() {
            self.fail(format!("the manifest {seq}: {}", wrong.join("; ")));
        }
    }

    pub(crate) fn overwritten(&mut self, key: &str, object: &Bytes) {
        let Some(Place { session, kind: "d", index, .. }) = Place::of(key) else {
            return self.fail(format!("{key} was replaced"));
        };
        let facts = &self.sessions[session];
        let given_up = index < facts.boundary()
            || facts.latest.as_ref().is_some_and(|manifest| {
                manifest.gone.contains(number(index)) || manifest.generations.of(number(index)).is_some()
            });
        let write_id = facts.first.get(&index).map(|first| first.write_id);
        let kept = match RecordObject::parse(object.clone()) {
            Ok(RecordObject::Mark(mark)) => !mark.is_seal() && Some(mark.write_id) == write_id,
            _ => false,
        };
        self.require(given_up && kept, || format!("{key} was replaced by something else than its stub"));
    }

    pub(crate) fn removed(&mut self, key: &str) {
        let Some(place) = Place::of(key) else { return self.fail(format!("{key} was removed")) };
        let facts = &self.sessions[place.session];
        let allowed = match place.kind {
            "d" => place.index < facts.boundary(),
            "w" => !facts.is_live(place.index),
            "g" => {
                let parsed = key::parse_rewritten(&place.prefix, key);
                parsed.is_some_and(|(generation, index)| {
                    facts.latest.as_ref().is_some_and(|manifest| {
                        generation.seq <= manifest.seq && manifest.generations.of(index) != Some(generation)
                    })
                })
            }
            _ => false,
        };
        self.require(allowed, || format!("{key} was removed, and still counts"));
    }

    fn note_emptiness(&mut self) {
        for session in &mut self.sessions {
            if session.live().next().is_none() {
                session.empty_at = self.time;
            }
        }
    }

    // What operations report.

    pub(crate) fn saved(&mut self, at: usize, index: u64, write_id: WriteId) {
        let session = save_session(&self.saves, at);
        let first = self.sessions[session].first.get(&index);
        let own = first.is_some_and(|first| first.write_id == write_id && first.save == Some(at));
        self.require(own, || format!("index {index} was reported as saved and is another's"));
        let told = self.saves[at].told;
        self.require(told == Told::Nothing, || format!("a save was told {told:?}, then saved at {index}"));
        let new = self.sessions[session].acknowledged.insert(index);
        self.require(new, || format!("index {index} was given to two saves"));
        self.saves[at].told = Told::Saved(index);
        self.count("saved");
    }

    /// A save certainly failed. `certain`: no attempt of it was left open before.
    pub(crate) fn not_saved(&mut self, at: usize, certain: bool) {
        self.count(if certain { "failed" } else { "failed after an open attempt" });
        if !certain {
            return;
        }
        let committed = self.saves[at].committed.clone();
        self.require(committed.is_empty(), || format!("a save failed for certain and is at {committed:?}"));
        self.saves[at].told = Told::Failed;
    }

    pub(crate) fn request_deletion(&mut self, session: usize, indices: &BTreeSet<u64>) {
        self.sessions[session].requested.extend(indices);
    }

    pub(crate) fn deleted(&mut self, session: usize, indices: impl IntoIterator<Item = u64>) {
        self.sessions[session].deleted.extend(indices);
        let still =
            self.sessions[session].deleted.iter().copied().find(|n| self.sessions[session].is_live(*n));
        self.require(still.is_none(), || {
            format!("the deletion of {still:?} was acknowledged and is not made")
        });
        self.count("deleted");
    }

    pub(crate) fn begin_read(&self, session: usize) -> Since {
        let facts = &self.sessions[session];
        let newest = facts.acknowledged.iter().rev().find(|index| !facts.requested.contains(index)).copied();
        Since { session, time: self.time, newest, deleted: facts.deleted.clone() }
    }

    pub(crate) fn restored(&mut self, since: &Since, index: u64, state: &Bytes) {
        let facts = &self.sessions[since.session];
        let first = facts.first.get(&index).and_then(|first| first.save);
        let right = first.is_some_and(|save| self.saves[save].state == *state);
        self.require(right, || format!("restoring {index} gave bytes that were never that snapshot"));
        self.require(!since.deleted.contains(&index), || {
            format!("the deleted snapshot {index} was restored")
        });
        self.count("restored");
    }

    pub(crate) fn restored_newest(&mut self, since: &Since, index: u64, state: &Bytes) {
        self.restored(since, index, state);
        let facts = &self.sessions[since.session];
        if let Some(newest) = since.newest.filter(|newest| !facts.requested.contains(newest)) {
            self.require(index >= newest, || format!("the newest was {index}, {newest} was saved before"));
        }
    }

    pub(crate) fn not_found(&mut self, since: &Since, index: u64) {
        let facts = &self.sessions[since.session];
        let excused = !facts.acknowledged.contains(&index) || facts.requested.contains(&index);
        self.require(excused, || format!("the acknowledged snapshot {index} was not found"));
        self.count("not found");
    }

    pub(crate) fn nothing_found(&mut self, since: &Since) {
        let facts = &self.sessions[since.session];
        let empty = facts.live().next().is_none() || facts.empty_at >= since.time;
        self.require(empty, || "no snapshot was found in a session that always had one".to_owned());
        self.count("session not found");
    }

    /// An operation failed in a way that only a fault of the storage explains.
    pub(crate) fn error(&mut self, what: &str, error: &persist_host::Error, faults: usize) {
        let code = error.code();
        let excused = faults > 0 || code == "session_busy";
        self.require(excused && error.kind() != ErrorKind::Integrity, || {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            format!("{what} failed after {faults} faults: {code}: {error}: {cause:?} {:?}", error.context())
        });
        self.count("unavailable");
    }
}

fn save_session(saves: &[Save], at: usize) -> usize {
    saves[at].session
}

fn number(index: u64) -> SnapshotIndex {
    SnapshotIndex::new(index).unwrap()
}

/// What a key stands for.
struct Place<'a> {
    session: usize,
    kind: &'a str,
    index: u64,
    prefix: String,
}

impl<'a> Place<'a> {
    fn of(key: &'a str) -> Option<Self> {
        let (session, rest) = SESSIONS.iter().enumerate().find_map(|(at, session)| {
            Some((at, key.strip_prefix(&key::session_prefix(&session.parse().unwrap()))?))
        })?;
        let (kind, _) = rest.split_once('/')?;
        let prefix = key[..key.len() - rest.len() + kind.len() + 1].to_owned();
        let index = match kind {
            "w" => rest.split('/').nth(1)?,
            _ => key.rsplit('/').next()?,
        };
        let index = key::parse_index(index)?.get();
        Some(Self { session, kind, index, prefix })
    }
}
