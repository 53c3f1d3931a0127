//! One case: processes with their scripts, and a schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use persist_host::{Store, Tuning};

use crate::quiet;
use crate::script::{self, Process, Step};
use crate::shelf::Fault;
use crate::sim::Sim;
use crate::tape::Tape;

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) setting: Setting,
    pub(crate) actors: Vec<Actor>,
    pub(crate) tape: Tape,
}

#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) segment_records: u64,
    pub(crate) restore_objects: usize,
    pub(crate) cache: bool,
    /// What is saved before anything else happens.
    pub(crate) before: Vec<Step>,
    /// 0: none.
    pub(crate) faults: usize,
    /// How many in a thousand changes lie on their way for long.
    pub(crate) sleepy: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// Actors with the same number share one store, as tasks of one process.
    pub(crate) process: usize,
    /// How often it gets to run, beside the others.
    pub(crate) weight: usize,
    pub(crate) steps: Vec<Step>,
}

/// What a case did.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) violation: Option<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) steps: usize,
    pub(crate) operations: usize,
    pub(crate) crashes: usize,
    pub(crate) faults: BTreeMap<Fault, usize>,
    pub(crate) outcomes: BTreeMap<&'static str, usize>,
}

/// Steps after which whoever is still at work is stopped.
const MOST_STEPS: usize = 3000;

impl Case {
    pub(crate) fn run(&self, traced: bool) -> Report {
        let mut schedule = Schedule::new(self, traced);
        schedule.run();
        schedule.settle();
        let mut report = std::mem::take(&mut schedule.report);
        let mut world = schedule.sim.shelf.world();
        report.violation = world.oracle.violation.take();
        report.trace = world.trace.take().unwrap_or_default();
        report.operations = world.operations;
        report.faults = std::mem::take(&mut world.faults);
        report.outcomes = std::mem::take(&mut world.oracle.outcomes);
        report
    }
}

impl Setting {
    fn tuning(&self) -> Tuning {
        let mut tuning = Tuning::default();
        tuning.segment_records = self.segment_records;
        tuning.restore_objects = self.restore_objects;
        // A state here is small, and so is what a delta may cost beside it.
        tuning.read_percent = 400;
        tuning.cache_bytes = if self.cache { 1 << 20 } else { 0 };
        tuning
    }
}

struct Schedule<'a> {
    case: &'a Case,
    sim: Sim,
    tape: Tape,
    processes: Vec<Rc<Process>>,
    scripts: Vec<Rc<[Step]>>,
    report: Report,
}

impl<'a> Schedule<'a> {
    fn new(case: &'a Case, traced: bool) -> Self {
        let mut sim = Sim::new();
        sim.shelf.world().trace = traced.then(Vec::new);
        let tuning = case.setting.tuning();
        let before = sim.spawn(
            Process::new(&sim.shelf, 0, tuning, script::open(&sim.shelf, tuning))
                .run(case.setting.before.clone().into()),
        );
        sim.finish(before);
        sim.forget(before);
        let mut stores: BTreeMap<usize, Store> = BTreeMap::new();
        let mut processes = Vec::new();
        let mut scripts: Vec<Rc<[Step]>> = Vec::new();
        for (at, actor) in case.actors.iter().enumerate() {
            let store = stores.entry(actor.process).or_insert_with(|| script::open(&sim.shelf, tuning));
            let process = Process::new(&sim.shelf, at, tuning, store.clone());
            scripts.push(actor.steps.clone().into());
            sim.spawn(process.clone().run(scripts[at].clone()));
            processes.push(process);
        }
        Self { case, sim, tape: case.tape.clone(), processes, scripts, report: Report::default() }
    }

    fn run(&mut self) {
        let faults = self.case.setting.faults;
        let mut current = 0;
        let mut stuck = BTreeSet::new();
        while self.report.steps < MOST_STEPS && !quiet::is_violated(&self.sim) {
            self.report.steps += 1;
            let late = self.sim.shelf.world().late.len();
            if late > 0 && self.tape.chance(50) {
                let at = self.tape.below(late);
                self.sim.shelf.world().land(at);
            }
            for request in &mut self.sim.shelf.world().requests {
                request.held = request.held.saturating_sub(1);
            }
            let Some(actor) = self.choose(current, &stuck) else { break };
            current = actor;
            if faults > 0 && self.tape.chance(2 * faults) {
                self.crash(actor);
                stuck.clear();
            } else if self.advance(actor) {
                stuck.clear();
            } else {
                stuck.insert(actor);
            }
        }
        for actor in 0..self.scripts.len() {
            self.sim.crash(actor, None);
        }
    }

    /// The actor that goes on: mostly the same.
    fn choose(&mut self, current: usize, stuck: &BTreeSet<usize>) -> Option<usize> {
        let mut open: Vec<usize> =
            (0..self.scripts.len()).filter(|actor| !self.sim.is_done(*actor)).collect();
        let awake = |actor: &usize| {
            let requests = self.sim.requests_of(*actor);
            let world = self.sim.shelf.world();
            !stuck.contains(actor)
                && (requests.is_empty() || requests.iter().any(|at| world.requests[*at].held == 0))
        };
        let ready: Vec<usize> = open.iter().copied().filter(awake).collect();
        if !ready.is_empty() {
            open = ready;
        }
        if open.contains(&current) && !self.tape.chance(300) {
            return Some(current);
        }
        let weights: usize = open.iter().map(|actor| self.case.actors[*actor].weight).sum();
        let mut drawn = self.tape.below(weights);
        for actor in &open {
            let weight = self.case.actors[*actor].weight;
            if drawn < weight {
                return Some(*actor);
            }
            drawn -= weight;
        }
        open.first().copied()
    }

    /// Lets an actor do one thing; whether that was anything.
    fn advance(&mut self, actor: usize) -> bool {
        let mut requests = self.sim.requests_of(actor);
        if requests.is_empty() {
            self.sim.pass_time();
            return self.sim.poll(actor) || !self.sim.requests_of(actor).is_empty();
        }
        {
            let world = self.sim.shelf.world();
            if requests.iter().any(|at| world.requests[*at].held == 0) {
                requests.retain(|at| world.requests[*at].held == 0);
            }
        }
        let at = requests[self.tape.below(requests.len())];
        let mutation = self.sim.shelf.world().requests[at].operation.is_mutation();
        if mutation && self.tape.chance(self.case.setting.sleepy) {
            let steps = 20 + self.tape.below(150);
            self.sim.shelf.world().requests[at].held = steps;
            return true;
        }
        let fault = self.fault(at, mutation);
        let tape = &mut self.tape;
        self.sim.shelf.world().answer(at, fault, &mut || !tape.chance(500));
        self.sim.poll(actor);
        true
    }

    fn fault(&mut self, at: usize, mutation: bool) -> Fault {
        let level = self.case.setting.faults;
        let listing = self.sim.shelf.world().requests[at].operation.name() == "list";
        if level == 0 {
            return Fault::None;
        }
        if !mutation {
            if listing && self.tape.chance(200 * level) {
                return Fault::Stale;
            }
            return if self.tape.chance(6 * level) { Fault::Unreachable } else { Fault::None };
        }
        if !self.tape.chance(140 * level) {
            return Fault::None;
        }
        let faults = [
            Fault::LostReply,
            Fault::LostReply,
            Fault::Late,
            Fault::Late,
            Fault::Late,
            Fault::Repeated,
            Fault::Refused,
            Fault::NotDurable,
        ];
        faults[self.tape.below(faults.len())]
    }

    /// Stops an actor between two operations. It starts again where it was, sometimes as another process.
    fn crash(&mut self, actor: usize) {
        self.report.crashes += 1;
        self.sim.shelf.world().note(|| format!("actor {actor} crashes"));
        self.sim.crash(actor, None);
        if self.tape.chance(700) {
            self.processes[actor].reopen();
        }
        let again = self.processes[actor].clone().run(self.scripts[actor].clone());
        self.sim.crash(actor, Some(Box::pin(again)));
    }

    /// What must hold once everything is quiet, also after requests that were on their way arrive.
    fn settle(&mut self) {
        let tuning = self.case.setting.tuning();
        quiet::check(&self.sim, tuning);
        let waiting = self.sim.shelf.world().late.len();
        for at in (0..waiting).rev() {
            if self.tape.chance(500) {
                self.sim.shelf.world().land(at);
            }
        }
        quiet::settle(&mut self.sim, tuning);
        for process in &self.processes {
            quiet::check_alive(&self.sim, &process.store());
        }
    }
}
