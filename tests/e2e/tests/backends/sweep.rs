//! A fault at the first request of a save, at the second, at the third, until the save needs no more of them.

use std::thread;

use persist_test_support::{Fault, Rule};

use super::{client::Client, lost::write_id, scene::Scene};

/// No save needs as many requests, not even with the first write's probes and some of the client library's own.
const MOST: usize = 60;

/// So many sweeps are made side by side: after a fault, a client library mostly waits before it looks for its server again.
const LANES: usize = 4;

pub(super) fn each_request_of_a_save_may_fail_once(adapter: &str) {
    thread::scope(|scope| {
        for fault in [Fault::DropReply, Fault::CutReply(7), Fault::CutRequest(7)] {
            scope.spawn(move || {
                let scene = Scene::new(adapter, "once");
                let mut sweep = Sweep::new(&scene);
                // A store that is opened anew asks for more than one that saved before.
                for fresh in [true, false] {
                    let struck = sweep.run(fresh, 0..MOST, |number| Rule::request(number, fault));
                    assert!(struck > 0, "{fault:?}, fresh: {fresh}: a save makes requests");
                }
                sweep.check();
            });
        }
    });
}

pub(super) fn each_request_may_begin_an_outage(adapter: &str) {
    let lane = |lane| {
        let scene = Scene::new(adapter, "outage");
        let mut sweep = Sweep::new(&scene);
        let rule = |number| Rule::request(number, Fault::DropReply).always();
        let struck = sweep.run(true, (lane..MOST).step_by(LANES), rule);
        sweep.check();
        (struck, sweep.failed)
    };
    let (struck, failed) = thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|number| scope.spawn(move || lane(number))).collect();
        let ends = lanes.into_iter().map(|lane| lane.join().expect("a sweep that passes"));
        ends.fold((0, 0), |(struck, failed), end| (struck + end.0, failed + end.1))
    });
    assert!(struck > 0 && failed > 0, "{struck} saves with faults, {failed} failed");
}

/// Sessions of two snapshots, of which the second was saved with a fault.
struct Sweep<'a> {
    scene: &'a Scene,
    client: Client,
    /// The sessions with what must be stored in them, in its order.
    sessions: Vec<(String, [String; 2])>,
    failed: usize,
}

impl<'a> Sweep<'a> {
    fn new(scene: &'a Scene) -> Self {
        Self { scene, client: scene.client(), sessions: Vec::new(), failed: 0 }
    }

    /// Saves with a rule for each of these requests; returns how many of these saves met their fault. The first that did
    /// not has fewer requests, and is the last.
    fn run(
        &mut self,
        fresh: bool,
        numbers: impl Iterator<Item = usize>,
        rule: impl Fn(usize) -> Rule,
    ) -> usize {
        for (struck, number) in numbers.enumerate() {
            // Each in a session of its own: the longer a session, the more there is to read first.
            let session = format!("sweep/{}", self.sessions.len());
            let states = [self.scene.state(), self.scene.state()];
            assert_eq!(self.client.save(&session, &states[0], None).expect("it is saved"), 0);
            if fresh {
                self.client.open();
            }
            let strikes = self.scene.proxy.arm(rule(number));
            self.save(&session, &states[1], number);
            self.sessions.push((session, states));
            if strikes.count() == 0 {
                return struck;
            }
        }
        panic!("a save made more than {MOST} requests");
    }

    /// Saves, with a fault perhaps, and once more without: both must tell the truth.
    fn save(&mut self, session: &str, state: &str, number: usize) {
        let write_id = write_id(self.sessions.len());
        let saved = self.client.save(session, state, Some(&write_id));
        self.scene.proxy.disarm();
        match saved {
            Ok(index) => assert_eq!(index, 1, "request {number}"),
            Err(failed) => {
                self.failed += 1;
                match (failed.kind.as_str(), failed.exit_code) {
                    ("unavailable", 7) | ("conflict", 5) => {
                        assert_eq!(
                            self.scene.times_stored(session, state),
                            0,
                            "request {number}: {failed:?}"
                        );
                    }
                    ("outcome_unknown", 8) => {
                        assert_eq!(failed.write_id.as_ref(), Some(&write_id), "request {number}: {failed:?}");
                    }
                    _ => panic!("request {number}: {failed:?}"),
                }
            }
        }
        let again = self.client.save(session, state, Some(&write_id));
        assert_eq!(again.unwrap_or_else(|failed| panic!("request {number}, again: {failed:?}")), 1);
    }

    /// Requires that each session holds what was saved, each state once.
    fn check(&self) {
        let stored = self.scene.stored("sweep");
        assert_eq!(stored.len(), self.sessions.len());
        for (session, states) in &self.sessions {
            assert_eq!(stored[session], states.each_ref().map(|state| Scene::hash(state)), "{session}");
        }
        drop(self.scene.direct.ok(["verify"]));
    }
}
