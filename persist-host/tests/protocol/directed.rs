//! Schedules that are written down: those that chance misses, and those by which rules of the protocol were found.

use persist_host::{Store, Tuning};

use crate::quiet;
use crate::script::{self, Process, SaveStep, Step, Which};
use crate::shelf::Fault;
use crate::sim::Sim;

/// A session `a/s` with one snapshot, and stores over it that know it.
struct Stage {
    sim: Sim,
    tuning: Tuning,
}

impl Stage {
    /// `segment_records` is how many records a segment may have.
    fn new(segment_records: u64) -> Self {
        let mut tuning = Tuning::default();
        tuning.segment_records = segment_records;
        tuning.read_percent = 400;
        let mut stage = Self { sim: Sim::new(), tuning };
        let store = stage.open();
        stage.does(&store, &[save()]);
        stage
    }

    fn open(&self) -> Store {
        script::open(&self.sim.shelf, self.tuning)
    }

    /// A store whose process saved the newest snapshot, and so remembers it.
    fn open_warm(&mut self) -> Store {
        let store = self.open();
        self.does(&store, &[save()]);
        store
    }

    fn start(&mut self, store: &Store, steps: &[Step]) -> usize {
        let actor = self.sim.shelf.world().doing.len();
        let process = Process::new(&self.sim.shelf, actor, self.tuning, store.clone());
        self.sim.spawn(process.run(steps.to_vec().into()))
    }

    /// Does something from its beginning to its end.
    fn does(&mut self, store: &Store, steps: &[Step]) {
        let actor = self.start(store, steps);
        self.sim.finish(actor);
    }

    /// Another process deletes snapshots and frees their space.
    fn others_collect(&mut self, which: Which) {
        let store = self.open();
        self.does(&store, &[Step::Delete { session: 0, which }, Step::Collect { session: 0 }]);
    }

    fn boundary(&self) -> u64 {
        self.sim.shelf.world().oracle.sessions[0].boundary()
    }

    fn count(&self, outcome: &str) -> usize {
        self.sim.shelf.world().oracle.outcomes.get(outcome).copied().unwrap_or(0)
    }

    /// Checks what must hold after any schedule, also once all that is on its way has arrived.
    fn end(mut self) {
        quiet::settle(&mut self.sim, self.tuning);
        let violation = self.sim.shelf.world().oracle.violation.take();
        assert_eq!(violation, None);
    }
}

fn save() -> Step {
    Step::Save(SaveStep::default())
}

/// A save that is asked for again with the same write id when its outcome is unknown.
fn save_again() -> Step {
    Step::Save(SaveStep { named: true, retries: 1, ..SaveStep::default() })
}

#[test]
fn another_record_where_a_collection_passed_is_no_conflict() {
    let mut stage = Stage::new(1);
    let store = stage.open_warm();
    let first = stage.start(&store, &[save()]);
    stage.sim.until(first, "create", "d/0000000002");
    let sleeping = stage.open();
    let late = stage.start(&sleeping, &[save()]);
    stage.sim.until(late, "create", "d/0000000002");
    stage.sim.answer(first, "create", "d/0000000002", Fault::LostReply);
    // What was stored is deleted and collected before it is read back, and what comes late takes the free key.
    stage.open_warm();
    stage.others_collect(Which::AllButNewest);
    assert_eq!(stage.boundary(), 3);
    stage.sim.answer(late, "create", "d/0000000002", Fault::None);
    let before = (stage.count("unknown"), stage.count("saved"));
    stage.sim.finish(first);
    assert_eq!((stage.count("unknown"), stage.count("saved")), (before.0 + 1, before.1));
    stage.sim.finish(late);
    stage.end();
}

#[test]
fn a_reader_is_not_given_what_arrived_after_a_collection() {
    let mut stage = Stage::new(1);
    let store = stage.open_warm();
    let late = stage.start(&store, &[save()]);
    stage.sim.until(late, "create", "d/0000000002");
    let others = stage.open();
    stage.does(&others, &[save(), save()]);
    // The newest but one of 0 to 3.
    let reading = stage.open();
    let reader = stage.start(&reading, &[Step::Restore { session: 0, pick: 130 }]);
    stage.sim.until(reader, "load", "d/0000000002");
    stage.others_collect(Which::AllButNewest);
    assert_eq!(stage.boundary(), 3);
    stage.sim.answer(late, "create", "d/0000000002", Fault::None);
    stage.sim.finish(reader);
    assert_eq!((stage.count("not found"), stage.count("restored")), (1, 0));
    stage.sim.finish(late);
    stage.end();
}

#[test]
fn what_was_created_and_passed_by_a_collection_is_unknown_and_the_process_goes_on() {
    let mut stage = Stage::new(1);
    let store = stage.open_warm();
    let actor = stage.start(&store, &[save()]);
    stage.sim.until(actor, "create", "d/0000000002");
    stage.sim.answer(actor, "create", "d/0000000002", Fault::None);
    stage.open_warm();
    stage.others_collect(Which::AllButNewest);
    assert_eq!(stage.boundary(), 3);
    stage.sim.finish(actor);
    assert_eq!(stage.count("unknown"), 1);
    let saved = stage.count("saved");
    stage.does(&store, &[save(), save()]);
    assert_eq!(stage.count("saved"), saved + 2);
    stage.end();
}

#[test]
fn a_process_that_remembers_what_lies_below_the_boundary_goes_on() {
    let mut stage = Stage::new(1);
    let store = stage.open_warm();
    let others = stage.open();
    stage.does(&others, &[save(), save(), save()]);
    stage.others_collect(Which::AllButNewest);
    let saved = stage.count("saved");
    stage.does(&store, &[save(), save()]);
    assert_eq!((stage.count("unknown"), stage.count("saved")), (1, saved + 1));
    stage.end();
}

#[test]
fn a_request_that_arrives_before_its_own_repetition_counts_as_saved() {
    let mut stage = Stage::new(1);
    let store = stage.open_warm();
    let actor = stage.start(&store, &[save()]);
    stage.sim.until(actor, "create", "d/0000000002");
    stage.sim.answer(actor, "create", "d/0000000002", Fault::Late);
    stage.sim.answer(actor, "load", "d/0000000002", Fault::None);
    stage.sim.land_all();
    let saved = stage.count("saved");
    stage.sim.finish(actor);
    assert_eq!(stage.count("saved"), saved + 1);
    stage.end();
}

#[test]
fn a_record_that_was_rewritten_before_it_is_read_back_counts_as_saved() {
    let mut stage = Stage::new(3);
    let store = stage.open_warm();
    let actor = stage.start(&store, &[save()]);
    stage.sim.until(actor, "create", "d/0000000002");
    stage.sim.answer(actor, "create", "d/0000000002", Fault::LostReply);
    let others = stage.open_warm();
    let saved = stage.count("saved");
    // The oldest is deleted, and what is built on it is stored anew.
    let steps = [Step::Delete { session: 0, which: Which::One(255) }, Step::Compact { session: 0 }];
    stage.does(&others, &steps);
    assert_eq!(stage.count("compact, rewritten"), 1);
    stage.sim.finish(actor);
    assert_eq!(stage.count("saved"), saved + 1);
    stage.end();
}

#[test]
fn a_retry_that_meets_its_first_request_knows_that_its_own_bytes_are_not_stored() {
    let mut stage = Stage::new(8);
    let store = stage.open_warm();
    let actor = stage.start(&store, &[save_again(), save(), save()]);
    stage.sim.until(actor, "create", "d/0000000002");
    stage.sim.answer(actor, "create", "d/0000000002", Fault::Late);
    stage.sim.answer(actor, "load", "d/0000000002", Fault::Unreachable);
    stage.sim.until(actor, "create", "d/0000000002");
    stage.sim.land_all();
    let saved = stage.count("saved");
    // What follows is built on the record that is stored.
    stage.sim.finish(actor);
    assert_eq!((stage.count("unknown"), stage.count("saved")), (1, saved + 3));
    stage.end();
}

#[test]
fn a_retry_does_not_take_what_arrived_after_a_collection_for_saved() {
    let mut stage = Stage::new(1);
    let store = stage.open_warm();
    let actor = stage.start(&store, &[save_again()]);
    stage.sim.until(actor, "create", "d/0000000002");
    stage.sim.answer(actor, "create", "d/0000000002", Fault::Late);
    stage.sim.until(actor, "load", "d/0000000002");
    let others = stage.open();
    stage.does(&others, &[save(), save()]);
    stage.sim.answer(actor, "load", "d/0000000002", Fault::Unreachable);
    // The retry looks at all records for its write id.
    stage.sim.until(actor, "load", "d/0000000001");
    stage.others_collect(Which::AllButNewest);
    assert_eq!(stage.boundary(), 3);
    stage.sim.land_all();
    let saved = stage.count("saved");
    stage.sim.finish(actor);
    assert_eq!((stage.count("unknown"), stage.count("saved")), (2, saved));
    stage.end();
}

#[test]
fn two_collections_of_one_session_do_not_take_each_other_for_damage() {
    let mut stage = Stage::new(1);
    for what in [Step::Collect { session: 0 }, Step::Compact { session: 0 }] {
        stage.open_warm();
        stage.open_warm();
        let first = stage.open();
        let boundary = stage.boundary();
        let actor = stage.start(&first, &[what]);
        stage.does(&first, &[Step::Delete { session: 0, which: Which::AllButNewest }]);
        stage.sim.until(actor, "load", &format!("d/{boundary:010}"));
        let second = stage.open();
        stage.does(&second, &[Step::Collect { session: 0 }]);
        assert!(stage.boundary() > boundary);
        stage.sim.finish(actor);
    }
    stage.end();
}

#[test]
fn the_newest_is_looked_for_again_when_it_was_deleted_meanwhile() {
    let mut stage = Stage::new(8);
    let reading = stage.open();
    let reader = stage.start(&reading, &[Step::RestoreNewest { session: 0 }]);
    stage.sim.until(reader, "load", "d/0000000000");
    stage.open_warm();
    stage.others_collect(Which::AllButNewest);
    stage.sim.finish(reader);
    assert_eq!((stage.count("session not found"), stage.count("restored")), (0, 1));
    stage.end();
}

#[test]
fn a_rewriting_that_was_never_swept_is_given_up_with_its_snapshots() {
    let mut stage = Stage::new(2);
    let store = stage.open_warm();
    stage.does(&store, &[save(), save(), save()]);
    // Of 0 to 4, where each two make a segment: 2, and once 3 was stored anew without it, also 3.
    stage.does(&store, &[Step::Delete { session: 0, which: Which::One(180) }]);
    let compactor = stage.start(&store, &[Step::Compact { session: 0 }]);
    stage.sim.until(compactor, "overwrite", "d/0000000003");
    stage.sim.crash(compactor, None);
    stage.sim.shelf.world().late.clear();
    stage.does(&store, &[Step::Delete { session: 0, which: Which::One(140) }]);
    let live: Vec<u64> = stage.sim.shelf.world().oracle.sessions[0].live().collect();
    assert_eq!(live, [0, 1, 4]);
    stage.end();
}

#[test]
fn an_index_that_was_not_written_yet_cannot_be_deleted() {
    let mut stage = Stage::new(8);
    let store = stage.open();
    stage.does(&store, &[Step::Delete { session: 0, which: Which::Beyond }, save(), save(), save()]);
    assert_eq!(stage.count("deleted"), 0);
    stage.end();
}

#[test]
fn an_erased_snapshot_does_not_come_back_with_a_request_that_arrives_late() {
    let mut stage = Stage::new(2);
    let store = stage.open_warm();
    let actor = stage.start(&store, &[save()]);
    stage.sim.until(actor, "create", "d/0000000002");
    stage.sim.answer(actor, "create", "d/0000000002", Fault::Repeated);
    stage.sim.finish(actor);
    stage.does(&store, &[save(), save(), Step::Delete { session: 0, which: Which::One(160) }]);
    stage.does(&store, &[Step::Compact { session: 0 }]);
    assert!(!stage.sim.shelf.world().late.is_empty());
    stage.end();
}
