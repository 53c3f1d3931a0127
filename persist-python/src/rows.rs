//! Listings: rows that come as they are found, and are read only a little ahead of whoever asks for them.

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use persist_host::{Error, Result, SessionRef, SnapshotIndex, VerifyRow};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::errors::{exception, forked, raise};
use crate::local::Local;
use crate::operation::{Each, Operation, Outcome};
use crate::process::Process;
use crate::request;

/// How many rows may wait for whoever asked for them.
const AHEAD: usize = 64;

/// Rows of a listing. Letting go of it ends the listing.
#[pyclass(frozen, module = "persist_agents._persist")]
pub(crate) struct Rows(Local<Producer>);

/// What makes the rows.
struct Producer {
    receiver: Arc<Mutex<mpsc::Receiver<Row>>>,
    task: JoinHandle<()>,
}

/// A row, or what came in its place.
type Row = Result<Box<dyn Outcome>>;

impl Rows {
    /// Begins a listing: `produce` sends rows until there are no more, or nobody wants them.
    pub(crate) fn start<F>(py: Python<'_>, produce: impl FnOnce(Sender) -> F) -> PyResult<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let rows = request::current(py)?.scope(produce(Sender(sender)));
        let task = Process::current(py)?.runtime().spawn(rows);
        Ok(Self(Local::new(Producer { receiver: Arc::new(Mutex::new(receiver)), task })))
    }
}

#[pymethods]
impl Rows {
    /// The next rows as a list; an empty one at the end. An exception in the list stands for a row that cannot be read.
    fn next(&self) -> PyResult<Operation> {
        let producer = self.0.get().ok_or_else(|| raise(&forked("the listing")))?;
        let receiver = Arc::clone(&producer.receiver);
        Ok(Operation::new(async move {
            let mut rows = Vec::new();
            receiver.lock().await.recv_many(&mut rows, AHEAD).await;
            Ok(Each(rows))
        }))
    }

    /// Ends the listing, as letting go of it does. What came up by then is still given out.
    fn close(&self) {
        if let Some(producer) = self.0.get() {
            producer.task.abort();
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where a listing puts its rows.
pub(crate) struct Sender(mpsc::Sender<Row>);

impl Sender {
    /// Sends every row of a stream.
    pub(crate) async fn send_all<T: Outcome>(self, rows: impl Stream<Item = Result<T>> + Send) {
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.next().await {
            if !self.send(row).await {
                return;
            }
        }
    }

    /// Sends one row; `false` when nobody wants it any more.
    pub(crate) async fn send<T: Outcome>(&self, row: Result<T>) -> bool {
        self.0.send(row.map(|row| Box::new(row) as Box<dyn Outcome>)).await.is_ok()
    }

    /// Sends the one error that a listing ends with before it began.
    pub(crate) async fn fail(self, error: Error) {
        // Nobody who waits is nobody to tell.
        let _ = self.0.send(Err(error)).await;
    }
}

impl Outcome for SessionRef {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok((self.agent.as_str(), self.session.as_str()).into_pyobject(py)?.into_any().unbind())
    }
}

impl Outcome for VerifyRow {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let row = PyDict::new(py);
        row.set_item("agent_id", self.session.agent.as_str())?;
        row.set_item("session_id", self.session.session.as_str())?;
        row.set_item("snapshot_index", self.snapshot_index.map(SnapshotIndex::get))?;
        row.set_item("key", &self.key)?;
        row.set_item("content_length", self.content_length)?;
        row.set_item("error", self.error.map(|error| exception(py, &error)).transpose()?)?;
        Ok(row.into_any().unbind())
    }
}
