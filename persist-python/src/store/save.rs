//! Verbs that write snapshots.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use persist_host::{Result, SaveRequest, SnapshotInfo};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::NativeStore;
use crate::arguments;
use crate::errors::exception;
use crate::infos::Snapshot;
use crate::operation::{Operation, Outcome};
use crate::state;

#[pymethods]
impl NativeStore {
    /// Saves a state.
    fn save(&self, py: Python<'_>, request: Request<'_>) -> PyResult<Operation> {
        let request = request.read()?;
        self.operation(py, |opened| opened.store.save(request).boxed())
    }

    /// Saves many states. The results are in the order of the requests; an exception stands for one that was not saved.
    fn save_many(
        &self,
        py: Python<'_>,
        requests: Vec<Request<'_>>,
        concurrency: usize,
    ) -> PyResult<Operation> {
        let requests = requests.into_iter().map(Request::read).collect::<PyResult<Vec<_>>>()?;
        self.operation(py, move |opened| {
            async move { Ok(Saved(opened.store.save_many(requests, concurrency).await)) }.boxed()
        })
    }

    /// Begins a session with the state of a snapshot of another.
    fn fork(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: Option<u64>,
        to_agent: &str,
        to_session: &str,
    ) -> PyResult<Operation> {
        let source = arguments::reference(arguments::session(agent, session)?, index)?;
        let target = arguments::session(to_agent, to_session)?;
        self.operation(py, move |opened| async move { opened.store.fork(&source, &target).await }.boxed())
    }

    /// Changes labels; `None` removes one.
    fn label(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: Option<u64>,
        changes: BTreeMap<String, Option<String>>,
    ) -> PyResult<Operation> {
        let reference = arguments::reference(arguments::session(agent, session)?, index)?;
        self.operation(py, move |opened| async move { opened.store.label(&reference, changes).await }.boxed())
    }
}

/// The arguments of a save, as a tuple in this order.
#[derive(FromPyObject)]
struct Request<'py>(
    String,
    String,
    Bound<'py, PyAny>,
    Option<String>,
    Option<BTreeMap<String, String>>,
    Option<String>,
    Option<u64>,
    Option<Bound<'py, PyAny>>,
    Option<String>,
    Option<String>,
);

impl Request<'_> {
    fn read(self) -> PyResult<SaveRequest> {
        let Self(
            agent,
            session,
            state,
            description,
            labels,
            name,
            parent,
            expect_parent,
            media_type,
            write_id,
        ) = self;
        let (bytes, media_type) = state::to_bytes(&state, media_type)?;
        let mut request = SaveRequest::new(arguments::session(&agent, &session)?, bytes);
        request.media_type = media_type;
        request.description = description;
        request.labels = labels.unwrap_or_default();
        request.name = name.as_deref().map(arguments::name).transpose()?;
        request.parent = parent.map(arguments::index).transpose()?;
        request.expect_parent = arguments::expect(expect_parent.as_ref())?;
        request.write_id = write_id.as_deref().map(arguments::write_id).transpose()?;
        Ok(request)
    }
}

struct Saved(Vec<Result<SnapshotInfo>>);

impl Outcome for Saved {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let rows = PyList::empty(py);
        for result in self.0 {
            match result {
                Ok(info) => rows.append(Snapshot(info))?,
                Err(error) => rows.append(exception(py, &error)?)?,
            }
        }
        Ok(rows.into_any().unbind())
    }
}
