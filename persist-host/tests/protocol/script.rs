//! What one process does, step by step, and what it tells the oracle.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use persist_host::{
    AttachRequest, AttachmentName, CodecSource, DeleteTarget, Error, ErrorKind, Expect, Result, SaveRequest,
    SessionRef, SnapshotIndex, SnapshotRef, Store, StoreOptions, Tuning,
};
use persist_plugin_api::DynCompression;

use crate::oracle::{Oracle, SESSIONS, Since};
use crate::shelf::Shelf;

/// One thing that a process does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Save(SaveStep),
    Restore {
        session: usize,
        pick: u8,
    },
    RestoreNewest {
        session: usize,
    },
    Delete {
        session: usize,
        which: Which,
    },
    /// Begins the second session with a snapshot of the first.
    Fork {
        pick: u8,
    },
    Attach {
        session: usize,
        pick: u8,
    },
    Collect {
        session: usize,
    },
    Compact {
        session: usize,
    },
    /// Goes on as a process that remembers nothing.
    Reopen,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SaveStep {
    pub(crate) session: usize,
    /// Restores the newest snapshot first and continues from that.
    pub(crate) follow: bool,
    /// Expects the last snapshot that it saw to be the newest.
    pub(crate) expect: bool,
    /// Names any live snapshot as the logical parent.
    pub(crate) parent: Option<u8>,
    /// Which parts of the state before it drops.
    pub(crate) drops: u8,
    /// Chooses the write id itself, so that it can ask again after a crash.
    pub(crate) named: bool,
    /// How often it asks again after an unknown outcome.
    pub(crate) retries: u8,
    /// Whether it does so as a process that remembers nothing.
    pub(crate) afresh: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Which {
    All,
    AllButNewest,
    Newest,
    One(u8),
    /// An index that was never written.
    Beyond,
}

/// What a process knows of a session: the state it continues, and the newest snapshot it saw.
#[derive(Clone, Default)]
struct Memory {
    parts: Vec<usize>,
    newest: Option<SnapshotIndex>,
}

/// A process; its future may be dropped at any time, and what is kept here goes on.
pub(crate) struct Process {
    shelf: Shelf,
    actor: usize,
    tuning: Tuning,
    store: RefCell<Store>,
    at: Cell<usize>,
    memory: RefCell<[Memory; SESSIONS.len()]>,
    /// The save that a crash interrupted.
    interrupted: RefCell<Option<(usize, SaveRequest)>>,
}

impl Process {
    pub(crate) fn new(shelf: &Shelf, actor: usize, tuning: Tuning, store: Store) -> Rc<Self> {
        Rc::new(Self {
            shelf: shelf.clone(),
            actor,
            tuning,
            store: RefCell::new(store),
            at: Cell::new(0),
            memory: RefCell::default(),
            interrupted: RefCell::default(),
        })
    }

    pub(crate) fn store(&self) -> Store {
        self.store.borrow().clone()
    }

    /// Forgets what this process knew of the store.
    pub(crate) fn reopen(&self) {
        *self.store.borrow_mut() = open(&self.shelf, self.tuning);
    }

    /// Does what is left of the script.
    pub(crate) async fn run(self: Rc<Self>, steps: Rc<[Step]>) {
        let interrupted = self.interrupted.borrow_mut().take();
        if let Some((save, request)) = interrupted
            && let Some(Step::Save(step)) = steps.get(self.at.get().wrapping_sub(1))
        {
            self.attempt(step, save, request, true).await;
        }
        while let Some(step) = steps.get(self.at.get()) {
            self.at.set(self.at.get() + 1);
            self.begin(None);
            match step {
                Step::Save(step) => self.save(step).await,
                Step::Restore { session, pick } => self.restore(*session, *pick).await,
                Step::RestoreNewest { session } => drop(self.restore_newest(*session).await),
                Step::Delete { session, which } => self.delete(*session, which).await,
                Step::Fork { pick } => self.fork(*pick).await,
                Step::Attach { session, pick } => self.attach(*session, *pick).await,
                Step::Collect { session } => {
                    let result = self.store().collect(&session_ref(*session)).await;
                    self.maintained("collect", result.map(|collected| collected.freed_objects));
                }
                Step::Compact { session } => {
                    let result = self.store().compact(&session_ref(*session)).await;
                    self.maintained("compact", result.map(|collected| collected.rewritten));
                }
                Step::Reopen => self.reopen(),
            }
        }
    }

    async fn save(&self, step: &SaveStep) {
        if step.follow && self.restore_newest(step.session).await.is_err() {
            return;
        }
        let memory = self.memory.borrow()[step.session].clone();
        let kept = memory.parts.iter().enumerate().filter(|(at, _)| step.drops >> (at % 8) & 1 == 0);
        let mut parts: Vec<usize> = kept.map(|(_, part)| *part).collect();
        let expect = match (step.expect, memory.newest) {
            (false, _) => Expect::Any,
            (true, None) => Expect::Empty,
            (true, Some(newest)) => Expect::Index(newest),
        };
        let (save, request) = {
            let mut world = self.shelf.world();
            let save = world.oracle.saves.len();
            parts.push(save);
            let state = state_of(&parts);
            world.oracle.begin_save(step.session, state.clone(), expect);
            let mut request = SaveRequest::new(session_ref(step.session), state);
            request.media_type = Some("text/plain".to_owned());
            request.expect_parent = expect;
            request.write_id = step.named.then(|| format!("{save:032x}").parse().unwrap());
            let live: Vec<u64> = world.oracle.sessions[step.session].live().collect();
            request.parent = step.parent.and_then(|pick| nth(&live, pick)).map(index);
            (save, request)
        };
        self.memory.borrow_mut()[step.session].parts = parts;
        self.attempt(step, save, request, false).await;
    }

    /// Saves, and asks again as long as the outcome is open.
    async fn attempt(&self, step: &SaveStep, save: usize, mut request: SaveRequest, mut open: bool) {
        self.begin(Some(save));
        if request.write_id.is_some() {
            *self.interrupted.borrow_mut() = Some((save, request.clone()));
        }
        for _ in 0..=step.retries {
            let result = self.store().save(request.clone()).await;
            match result {
                Ok(info) => {
                    self.oracle(|oracle| oracle.saved(save, info.snapshot_index.get(), info.write_id));
                    self.memory.borrow_mut()[step.session].newest = Some(info.snapshot_index);
                    break;
                }
                Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                    self.oracle(|oracle| oracle.count("unknown"));
                    open = true;
                    request.write_id = Some(write_id_of(&error));
                    if step.afresh {
                        self.reopen();
                    }
                }
                Err(error) => {
                    let expected = match error.code() {
                        "parent_conflict" => request.expect_parent != Expect::Any,
                        "snapshot_deleted" => request.parent.is_some() || open,
                        _ => false,
                    };
                    if !expected {
                        self.failed("save", &error);
                    }
                    self.oracle(|oracle| oracle.not_saved(save, !open));
                    break;
                }
            }
        }
        self.interrupted.borrow_mut().take();
    }

    async fn restore(&self, session: usize, pick: u8) {
        let all: Vec<u64> =
            self.oracle(|oracle| oracle.sessions[session].snapshots().map(|(n, _)| n).collect());
        let Some(number) = nth(&all, pick) else { return };
        let since = self.oracle(|oracle| oracle.begin_read(session));
        let reference = SnapshotRef { session: session_ref(session), index: Some(index(number)) };
        let result = self.store().restore(&reference).await;
        match result {
            Ok(restored) => self.oracle(|oracle| oracle.restored(&since, number, &restored.state)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.oracle(|oracle| oracle.not_found(&since, number));
            }
            Err(error) => self.failed("restore", &error),
        }
    }

    /// Restores the newest snapshot and continues from it.
    async fn restore_newest(&self, session: usize) -> Result<(), ()> {
        let since: Since = self.oracle(|oracle| oracle.begin_read(session));
        let reference = SnapshotRef { session: session_ref(session), index: None };
        let result = self.store().restore(&reference).await;
        let mut memory = self.memory.borrow_mut();
        match result {
            Ok(restored) => {
                let number = restored.info.snapshot_index;
                self.oracle(|oracle| oracle.restored_newest(&since, number.get(), &restored.state));
                memory[session] = Memory { parts: parts_of(&restored.state), newest: Some(number) };
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.oracle(|oracle| oracle.nothing_found(&since));
                memory[session] = Memory::default();
            }
            Err(error) => {
                self.failed("restore the newest", &error);
                return Err(());
            }
        }
        Ok(())
    }

    async fn delete(&self, session: usize, which: &Which) {
        let since = self.oracle(|oracle| oracle.begin_read(session));
        let (live, next): (Vec<u64>, u64) = self.oracle(|oracle| {
            let facts = &oracle.sessions[session];
            (facts.live().collect(), facts.next())
        });
        let indices: BTreeSet<u64> = match which {
            Which::All => BTreeSet::new(),
            Which::AllButNewest => live.iter().rev().skip(1).copied().collect(),
            Which::Newest => live.last().copied().into_iter().collect(),
            Which::One(pick) => nth(&live, *pick).into_iter().collect(),
            Which::Beyond => [next + 2].into(),
        };
        let everything = matches!(which, Which::All);
        if indices.is_empty() && !everything {
            return;
        }
        let target = if everything {
            self.oracle(|oracle| oracle.sessions[session].deleting_all += 1);
            DeleteTarget::All
        } else {
            self.oracle(|oracle| oracle.request_deletion(session, &indices));
            DeleteTarget::Indices(indices.iter().copied().map(index).collect())
        };
        let result = self.store().delete(&session_ref(session), &target).await;
        match result {
            Ok(deleted) => {
                let indices = deleted.deleted.iter().chain(&deleted.already_deleted);
                self.oracle(|oracle| {
                    oracle.deleted(session, indices.map(|index| index.get()));
                    oracle.sessions[session].deleting_all -= usize::from(everything);
                });
            }
            Err(error) if error.kind() == ErrorKind::NotFound && everything => {
                self.oracle(|oracle| {
                    oracle.nothing_found(&since);
                    oracle.sessions[session].deleting_all -= 1;
                });
            }
            Err(error) if error.kind() == ErrorKind::NotFound && matches!(which, Which::Beyond) => {}
            Err(error) => self.failed("delete", &error),
        }
    }

    async fn fork(&self, pick: u8) {
        let (since, live): (_, Vec<u64>) =
            self.oracle(|oracle| (oracle.begin_read(0), oracle.sessions[0].live().collect()));
        let Some(number) = nth(&live, pick) else { return };
        let save = self.oracle(|oracle| {
            let state = oracle.state(0, number);
            oracle.begin_save(1, state, Expect::Empty)
        });
        self.begin(Some(save));
        let source = SnapshotRef { session: session_ref(0), index: Some(index(number)) };
        match self.store().fork(&source, &session_ref(1)).await {
            Ok(info) => self.oracle(|oracle| oracle.saved(save, info.snapshot_index.get(), info.write_id)),
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                self.oracle(|oracle| oracle.count("unknown"));
            }
            Err(error) => {
                match error.kind() {
                    ErrorKind::NotFound => self.oracle(|oracle| oracle.not_found(&since, number)),
                    ErrorKind::Conflict => {}
                    _ => self.failed("fork", &error),
                }
                self.oracle(|oracle| oracle.not_saved(save, true));
            }
        }
    }

    async fn attach(&self, session: usize, pick: u8) {
        let (since, live): (_, Vec<u64>) =
            self.oracle(|oracle| (oracle.begin_read(session), oracle.sessions[session].live().collect()));
        let Some(number) = nth(&live, pick) else { return };
        let attachment = self.oracle(|oracle| {
            oracle.attachments += 1;
            oracle.attachments
        });
        let snapshot = SnapshotRef { session: session_ref(session), index: Some(index(number)) };
        let request = AttachRequest::new(snapshot, attachment_name(attachment), attached(attachment));
        match self.store().attach(request).await {
            Ok(_) => self.oracle(|oracle| {
                oracle.attached.push((session, number, attachment));
                oracle.count("attached");
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.oracle(|oracle| oracle.not_found(&since, number));
            }
            Err(error) => self.failed("attach", &error),
        }
    }

    fn maintained(&self, what: &'static str, result: Result<u64>) {
        match result {
            Ok(0) => self.oracle(|oracle| oracle.count(what)),
            Ok(_) => self.oracle(|oracle| {
                oracle.count(if what == "collect" {
                    "collect, something freed"
                } else {
                    "compact, rewritten"
                });
            }),
            Err(error) => self.failed(what, &error),
        }
    }

    fn begin(&self, save: Option<usize>) {
        let mut world = self.shelf.world();
        let doing = &mut world.doing[self.actor];
        doing.save = save;
        doing.faults = 0;
    }

    fn failed(&self, what: &str, error: &Error) {
        let mut world = self.shelf.world();
        let faults = world.doing[self.actor].faults;
        world.oracle.error(what, error, faults);
    }

    fn oracle<T>(&self, tell: impl FnOnce(&mut Oracle) -> T) -> T {
        tell(&mut self.shelf.world().oracle)
    }
}

/// Another process's store over the shelf.
pub(crate) fn open(shelf: &Shelf, tuning: Tuning) -> Store {
    Store::new(StoreOptions {
        name: "test".to_owned(),
        storage_name: "shelf".to_owned(),
        storage: Arc::new(shelf.clone()),
        codec_name: None,
        codecs: Arc::new(NoCodecs),
        single_writer: false,
        allow_volatile: false,
        tuning,
        observers: Vec::new(),
    })
}

pub(crate) fn session_ref(session: usize) -> SessionRef {
    SESSIONS[session].parse().unwrap()
}

pub(crate) fn index(number: u64) -> SnapshotIndex {
    SnapshotIndex::new(number).unwrap()
}

/// A part of a state, which shares no run of bytes with any other.
pub(crate) fn part(save: usize) -> String {
    let words = (0..4).map(|word| format!("{:016x}", mix((save as u64) << 8 | word)));
    format!("<{save:04} {}>", words.collect::<String>())
}

/// The parts that make up a state.
pub(crate) fn parts_of(state: &[u8]) -> Vec<usize> {
    let text = std::str::from_utf8(state).unwrap();
    text.split('<').skip(1).map(|part| part[..4].parse().unwrap()).collect()
}

/// A state: what all have in common, then its parts.
pub(crate) fn state_of(parts: &[usize]) -> Bytes {
    let common = (0..24).map(|word| format!("{:016x}", mix(!word)));
    common.chain(parts.iter().map(|at| part(*at))).collect::<String>().into()
}

pub(crate) fn attachment_name(attachment: usize) -> AttachmentName {
    AttachmentName::parse(&format!("t{attachment}")).unwrap()
}

/// The content of an attachment.
pub(crate) fn attached(attachment: usize) -> String {
    part(5000 + attachment)
}

/// Spreads a number over all bits.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn nth(numbers: &[u64], pick: u8) -> Option<u64> {
    // Most often one of the newest.
    let back = usize::from(pick) * usize::from(pick) * numbers.len() / 65536;
    numbers.iter().rev().nth(back).copied()
}

fn write_id_of(error: &Error) -> persist_host::WriteId {
    let fact = error.context().iter().find(|(name, _)| *name == "write_id");
    fact.unwrap().1.parse().unwrap()
}

struct NoCodecs;

impl CodecSource for NoCodecs {
    fn codec(&self, name: &str) -> Result<Arc<dyn DynCompression>> {
        Err(Error::new(ErrorKind::Plugin, "plugin_missing", format!("no codec {name:?}")))
    }
}
