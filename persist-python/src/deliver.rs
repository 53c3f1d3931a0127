//! What goes from other threads to Python: results of operations that an event loop waits for, and log records.
//!
//! They are queued, and one thread takes the interpreter's lock for all that has come up meanwhile. A thread that waits
//! for an operation takes the log records along itself, so that they are there when its call returns.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pyo3::prelude::*;

use crate::logging::Record;
use crate::operation::Settled;

/// How many log records may wait. Whoever logs never waits for Python, so further ones are dropped and counted.
const MOST_RECORDS: usize = 10_000;

/// How long a call waits for log records that another thread is handling. A handler may itself wait for whoever made the
/// call, so it must not be for ever.
const PATIENCE: Duration = Duration::from_millis(250);

thread_local! {
    /// Whether this thread is handling log records, so that what it calls is called by a handler.
    static IS_HANDLING: Cell<bool> = const { Cell::new(false) };
}

/// The queue of one process.
pub(crate) struct Queue {
    shared: Arc<Shared>,
    /// The thread that delivers, until the interpreter ends.
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    came: Condvar,
    handled: Condvar,
}

#[derive(Default)]
struct Waiting {
    settled: Vec<Settled>,
    records: VecDeque<Record>,
    dropped: u64,
    /// The number of the next batch of records.
    next_batch: u64,
    /// The batches that threads are handling.
    batches: BTreeSet<u64>,
    /// Whether the interpreter is about to end.
    is_closed: bool,
}

impl Queue {
    /// A queue with its thread.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub(crate) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name("persist-deliver".to_owned()).spawn(move || served.serve())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Delivers what is waiting and ends the thread, before the interpreter does: it must not be within Python then.
    /// What comes later is for nobody.
    pub(crate) fn close(&self, py: Python<'_>) {
        self.flush_log(py);
        self.shared.lock().is_closed = true;
        self.shared.came.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread may be waiting for the interpreter's lock, to deliver for the last time.
        py.detach(|| thread.map(JoinHandle::join));
    }

    /// Delivers the result of an operation to its event loop.
    pub(crate) fn settle(&self, settled: Settled) {
        self.shared.lock().settled.push(settled);
        self.shared.came.notify_one();
    }

    /// Delivers a log record.
    pub(crate) fn log(&self, record: Record) {
        let mut waiting = self.shared.lock();
        if waiting.records.len() < MOST_RECORDS {
            waiting.records.push_back(record);
        } else {
            waiting.dropped += 1;
        }
        drop(waiting);
        self.shared.came.notify_one();
    }

    /// Delivers the log records that are waiting, on this thread, and waits a moment for those that others have taken.
    pub(crate) fn flush_log(&self, py: Python<'_>) {
        if IS_HANDLING.get() {
            return;
        }
        self.shared.handle(py);
        let waiting = self.shared.lock();
        let next = waiting.next_batch;
        let is_idle = waiting.batches.is_empty();
        drop(waiting);
        if !is_idle {
            py.detach(|| self.shared.wait_for_batches_before(next));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        loop {
            let mut waiting = self.lock();
            while waiting.settled.is_empty() && waiting.records.is_empty() && !waiting.is_closed {
                waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if waiting.is_closed {
                return;
            }
            drop(waiting);
            // Taken only once the interpreter's lock is held: a thread that waits for its operation may come first.
            let delivered = Python::try_attach(|py| {
                self.handle(py);
                let settled = std::mem::take(&mut self.lock().settled);
                Settled::deliver_all(py, settled);
            });
            // The interpreter has ended, and nobody waits any more.
            if delivered.is_none() {
                return;
            }
        }
    }

    /// Gives the records that are waiting to Python's handlers.
    fn handle(&self, py: Python<'_>) {
        let mut waiting = self.lock();
        if waiting.records.is_empty() && waiting.dropped == 0 {
            return;
        }
        let (records, dropped) = (std::mem::take(&mut waiting.records), std::mem::take(&mut waiting.dropped));
        let batch = waiting.next_batch;
        waiting.next_batch += 1;
        waiting.batches.insert(batch);
        drop(waiting);
        IS_HANDLING.set(true);
        Record::emit_all(py, records, dropped);
        IS_HANDLING.set(false);
        self.lock().batches.remove(&batch);
        self.handled.notify_all();
    }

    fn wait_for_batches_before(&self, batch: u64) {
        let is_open = |waiting: &mut Waiting| waiting.batches.first().is_some_and(|first| *first < batch);
        // Whether they were handled or patience ran out, there is nothing else to be done.
        drop(self.handled.wait_timeout_while(self.lock(), PATIENCE, is_open));
    }
}
