//! One call of the store, waited for by a thread or by an event loop.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use persist_host::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use tokio::task::AbortHandle;

use crate::errors::{exception, forked, raise};
use crate::local::Local;
use crate::logging;
use crate::process::Process;
use crate::request;

/// How often a waiting thread looks for signals, such as Ctrl-C.
const SIGNALS_EVERY: Duration = Duration::from_millis(100);

/// A result on its way to Python, where it becomes an object.
pub(crate) trait Outcome: Send + 'static {
    /// The object. It is made while the interpreter's lock is held.
    ///
    /// # Errors
    ///
    /// When Python cannot make it, or the result cannot be expressed in Python.
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>>;
}

impl Outcome for () {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(py.None())
    }
}

impl Outcome for u64 {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok((*self).into_pyobject(py)?.into_any().unbind())
    }
}

impl Outcome for Box<dyn Outcome> {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        (*self).into_object(py)
    }
}

/// Results of several things, as a list; an exception stands for one that failed.
pub(crate) struct Each<T>(pub(crate) Vec<Result<T>>);

impl<T: Outcome> Outcome for Each<T> {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let rows = PyList::empty(py);
        for one in self.0 {
            match one {
                Ok(result) => rows.append(Box::new(result).into_object(py)?)?,
                Err(error) => rows.append(exception(py, &error)?)?,
            }
        }
        Ok(rows.into_any().unbind())
    }
}

type Work = Pin<Box<dyn Future<Output = Result<Box<dyn Outcome>>> + Send>>;

/// A call that has not begun. It is carried out once: by a thread that waits for it, or on behalf of an event loop.
#[pyclass(frozen, module = "persist_agents._persist")]
pub(crate) struct Operation(Local<Mutex<Option<Work>>>);

impl Operation {
    /// Something to be done that has a result.
    pub(crate) fn new<T: Outcome>(work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        let work = async move { work.await.map(|result| Box::new(result) as Box<dyn Outcome>) };
        Self(Local::new(Mutex::new(Some(Box::pin(work)))))
    }

    fn take(&self) -> PyResult<Work> {
        let work = self.0.get().ok_or_else(|| raise(&forked("the operation")))?;
        work.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(|| {
            let message = "the operation was carried out already; call the store's method again";
            raise(&Error::new(ErrorKind::Usage, "operation_used", message))
        })
    }
}

#[pymethods]
impl Operation {
    /// Carries the operation out and returns its result. The interpreter's lock is free meanwhile.
    fn wait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let work = self.take()?;
        let process = Process::current(py)?;
        logging::read_level(py)?;
        let request = request::current(py)?;
        let done = py.detach(|| process.runtime().block_on(request.scope(until_signal(work))));
        process.queue().flush_log(py);
        match done? {
            Ok(result) => result.into_object(py),
            Err(error) => Err(raise(&error)),
        }
    }

    /// Begins the operation and returns a future of the event loop, whose cancellation ends the operation.
    fn start<'py>(&self, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let process = Process::current(py)?;
        logging::read_level(py)?;
        let future = event_loop.call_method0("create_future")?;
        let request = request::current(py)?;
        let work = request.scope(self.take()?);
        let (to_loop, to_future) = (event_loop.clone().unbind(), future.clone().unbind());
        let task = process.runtime().spawn(async move {
            let result = work.await;
            process.queue().settle(Settled { event_loop: to_loop, future: to_future, result });
        });
        future.call_method1("add_done_callback", (Cancel(task.abort_handle()),))?;
        Ok(future)
    }
}

/// Waits for work, and for Python's signal handlers to raise something, which ends the work.
async fn until_signal(mut work: Work) -> PyResult<Result<Box<dyn Outcome>>> {
    loop {
        if let Ok(result) = tokio::time::timeout(SIGNALS_EVERY, &mut work).await {
            return Ok(result);
        }
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is not general over lifetimes"
        )]
        Python::attach(|py| py.check_signals())?;
    }
}

/// Called by the event loop when a future is done: if that is because it was cancelled, the operation ends.
#[pyclass(frozen)]
struct Cancel(AbortHandle);

#[pymethods]
impl Cancel {
    fn __call__(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        if future.call_method0("cancelled")?.is_truthy()? {
            self.0.abort();
        }
        Ok(())
    }
}

/// A result that an event loop waits for.
pub(crate) struct Settled {
    event_loop: Py<PyAny>,
    future: Py<PyAny>,
    result: Result<Box<dyn Outcome>>,
}

impl Settled {
    /// Hands results to their event loops: one call for those of the same loop that came up together.
    pub(crate) fn deliver_all(py: Python<'_>, all: Vec<Self>) {
        let mut batches: Vec<(Py<PyAny>, Vec<Bound<'_, PyTuple>>)> = Vec::new();
        for Self { event_loop, future, result } in all {
            let made = result.map_or_else(
                |error| exception(py, &error).map(|raised| (false, raised.unbind())),
                |result| result.into_object(py).map(|object| (true, object)),
            );
            let (is_result, value) = made.unwrap_or_else(|failed| (false, failed.into_value(py).into_any()));
            let Ok(item) = (future, is_result, value).into_pyobject(py) else { continue };
            match batches.iter_mut().find(|(known, _)| known.is(&event_loop)) {
                Some((_, items)) => items.push(item),
                None => batches.push((event_loop, vec![item])),
            }
        }
        for (event_loop, items) in batches {
            let sent = PyList::new(py, items).and_then(|items| {
                let settle = pyo3::wrap_pyfunction!(settle_futures, py)?;
                event_loop.bind(py).call_method1("call_soon_threadsafe", (settle, items))
            });
            // An event loop that is closed has nobody left who waits.
            drop(sent);
        }
    }
}

/// Runs in the event loop.
#[pyfunction]
fn settle_futures(items: Vec<(Bound<'_, PyAny>, bool, Bound<'_, PyAny>)>) -> PyResult<()> {
    for (future, is_result, value) in items {
        // Cancelled while its result was on the way.
        if future.call_method0("done")?.is_truthy()? {
            continue;
        }
        future.call_method1(if is_result { "set_result" } else { "set_exception" }, (value,))?;
    }
    Ok(())
}
