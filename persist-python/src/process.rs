//! What there is once per process: the runtime, and the thread that delivers to Python.

use std::sync::OnceLock;

use persist_host::{Error, ErrorKind};
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::deliver::Queue;
use crate::errors::raise;
use crate::traces;

/// The processes so far, oldest first: this one, those that it was forked from, and nothing else. A child has its parent's
/// memory but none of its threads, so it makes everything anew and leaves the parent's alone.
static FIRST: OnceLock<Box<Process>> = OnceLock::new();

/// Has Python call [`end`] before its interpreter ends.
///
/// # Errors
///
/// When Python cannot do so.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    py.import("atexit")?.call_method1("register", (pyo3::wrap_pyfunction!(end, py)?,))?;
    Ok(())
}

#[pyfunction]
fn end(py: Python<'_>) {
    traces::finish(py);
    if let Some(process) = Process::find() {
        process.queue.close(py);
    }
}

/// A process's runtime and queue.
pub(crate) struct Process {
    id: u32,
    runtime: Runtime,
    queue: Queue,
    next: OnceLock<Box<Process>>,
}

impl Process {
    /// This process's, made when it is first asked for.
    ///
    /// It takes the interpreter's lock so that no two threads make one, and no fork comes in between.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub(crate) fn current(_: Python<'_>) -> PyResult<&'static Self> {
        let id = std::process::id();
        let place = Self::place(id);
        if let Some(process) = place.get() {
            return Ok(process);
        }
        let made = Self::start(id).map_err(|error| {
            let message = "cannot start the threads that Persist works on";
            raise(&Error::new(ErrorKind::Other, "no_threads", message).with_source(error))
        })?;
        Ok(place.get_or_init(|| Box::new(made)))
    }

    /// This process's, if there is one yet. It never waits.
    pub(crate) fn find() -> Option<&'static Self> {
        Self::place(std::process::id()).get().map(Box::as_ref)
    }

    /// Where the process with this id is, or belongs.
    fn place(id: u32) -> &'static OnceLock<Box<Self>> {
        let mut place = &FIRST;
        while let Some(other) = place.get().filter(|process| process.id != id) {
            place = &other.next;
        }
        place
    }

    fn start(id: u32) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("persist").enable_all().build()?;
        Ok(Self { id, runtime, queue: Queue::start()?, next: OnceLock::new() })
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }
}
