//! The schedule: one thread polls the actors' futures, and each storage operation waits until it is answered.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use persist_host::Tuning;
use tokio::runtime::{Builder, Runtime};

use crate::shelf::{Doing, Fault, Shelf};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Actors over one shelf.
pub(crate) struct Sim {
    pub(crate) shelf: Shelf,
    runtime: Runtime,
    tasks: Vec<Option<Task>>,
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _context = self.runtime.enter();
        self.tasks.clear();
    }
}

impl Sim {
    /// A store that exists and is empty.
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let sim = Self { shelf: Shelf::default(), runtime, tasks: Vec::new() };
        let store = crate::script::open(&sim.shelf, Tuning::default());
        let first = persist_host::SaveRequest::new("other/session".parse().unwrap(), "{}");
        sim.directly(store.save(first)).unwrap();
        sim
    }

    /// Adds an actor, which does nothing before it is polled.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + 'static) -> usize {
        self.tasks.push(Some(Box::pin(task)));
        self.shelf.world().doing.push(Doing::default());
        self.tasks.len() - 1
    }

    /// Lets an actor run until it waits; whether it is done.
    pub(crate) fn poll(&mut self, actor: usize) -> bool {
        self.shelf.world().current = actor;
        let Some(task) = &mut self.tasks[actor] else { return true };
        let _context = self.runtime.enter();
        let done = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(());
        if done {
            self.tasks[actor] = None;
        }
        done
    }

    /// Removes the last actor, which is done.
    pub(crate) fn forget(&mut self, actor: usize) {
        assert!(self.is_done(actor) && actor + 1 == self.tasks.len());
        self.tasks.pop();
        self.shelf.world().doing.pop();
    }

    pub(crate) fn is_done(&self, actor: usize) -> bool {
        self.tasks[actor].is_none()
    }

    /// Stops an actor where it is; what it sent is still on its way.
    pub(crate) fn crash(&mut self, actor: usize, then: Option<Task>) {
        let _context = self.runtime.enter();
        self.tasks[actor] = then;
    }

    /// Lets every pause end.
    pub(crate) fn pass_time(&self) {
        self.runtime.block_on(tokio::time::advance(Duration::from_secs(1)));
    }

    /// Runs an operation alone, without faults and without waiting.
    pub(crate) fn directly<T>(&self, task: impl Future<Output = T>) -> T {
        self.shelf.world().direct = true;
        let result = self.runtime.block_on(task);
        self.shelf.world().direct = false;
        result
    }

    /// The places of an actor's requests on their way.
    pub(crate) fn requests_of(&self, actor: usize) -> Vec<usize> {
        let world = self.shelf.world();
        let requests = world.requests.iter().enumerate();
        requests.filter(|(_, request)| request.actor == actor).map(|(at, _)| at).collect()
    }

    // For schedules that are written down.

    /// Lets an actor run until it has sent an operation on a key, which stays on its way.
    pub(crate) fn until(&mut self, actor: usize, operation: &str, key: &str) {
        for _ in 0..1000 {
            assert!(!self.poll(actor), "the actor was done before it sent {operation} {key}");
            if self.find(actor, operation, key).is_some() {
                return;
            }
            self.answer_any(actor);
        }
        panic!("the actor never sent {operation} {key}");
    }

    /// Answers the operation that [`until`](Sim::until) waited for, and lets the actor go on.
    pub(crate) fn answer(&mut self, actor: usize, operation: &str, key: &str, fault: Fault) {
        let at = self.find(actor, operation, key).unwrap_or_else(|| panic!("{operation} {key} was not sent"));
        self.shelf.world().answer(at, fault, &mut || true);
        self.poll(actor);
    }

    /// Runs an actor to its end, without faults.
    pub(crate) fn finish(&mut self, actor: usize) {
        for _ in 0..10_000 {
            if self.poll(actor) {
                return;
            }
            self.answer_any(actor);
        }
        panic!("the actor does not end");
    }

    /// Everything that was sent and never answered takes effect now.
    pub(crate) fn land_all(&mut self) {
        let mut world = self.shelf.world();
        while !world.late.is_empty() {
            world.land(0);
        }
    }

    fn answer_any(&mut self, actor: usize) {
        match self.requests_of(actor).first() {
            Some(at) => self.shelf.world().answer(*at, Fault::None, &mut || true),
            None => self.pass_time(),
        }
    }

    fn find(&self, actor: usize, operation: &str, key: &str) -> Option<usize> {
        self.shelf.world().requests.iter().position(|request| {
            request.actor == actor
                && request.operation.name() == operation
                && request.operation.key().ends_with(key)
        })
    }
}
