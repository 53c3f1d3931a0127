//! Verbs for those who keep a session's snapshots in mind: where it stands, what is attached, saving without a claim.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::FutureExt as _;
use persist_host::{AttachmentInfo, Position, SaveRequest, SnapshotIndex};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::NativeStore;
use crate::arguments;
use crate::infos::Attachment;
use crate::operation::{Each, Operation, Outcome};
use crate::state::WithInfo;

#[pymethods]
impl NativeStore {
    /// Saves a JSON text under a name that nobody else is to take: it is not claimed.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the Python method")]
    fn save_unclaimed(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        text: &Bound<'_, PyAny>,
        labels: BTreeMap<String, String>,
        name: &str,
        parent: Option<u64>,
    ) -> PyResult<Operation> {
        let mut request = SaveRequest::new(arguments::session(agent, session)?, arguments::content(text)?);
        request.labels = labels;
        request.name = Some(arguments::name(name)?);
        request.claim_name = false;
        request.parent = parent.map(arguments::index).transpose()?;
        self.operation(py, |opened| opened.store.save(request).boxed())
    }

    /// The highest index that a session ever used, or `None`, and the number of the last decision about it.
    fn position(&self, py: Python<'_>, agent: &str, session: &str) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        self.operation(py, move |opened| async move { opened.store.position(&session).await }.boxed())
    }

    /// Several snapshots and their states; an exception stands for one that cannot be given back.
    fn read_many(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        indices: Vec<u64>,
    ) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        let indices = arguments::indices(indices)?;
        self.operation(py, move |opened| {
            async move {
                let restored = opened.store.restore_many(&session, &indices).await?;
                Ok(Each(restored.into_iter().map(|one| one.map(WithInfo)).collect()))
            }
            .boxed()
        })
    }

    /// What `position` and `read_attachments` give, in one: all that can change about a snapshot that was read before.
    fn glance(&self, py: Python<'_>, agent: &str, session: &str, index: u64) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        let index = arguments::index(index)?;
        self.operation(py, move |opened| {
            async move {
                let (position, contents) = opened.store.glance(&session, index).await?;
                Ok(Glance(position, Contents(contents)))
            }
            .boxed()
        })
    }

    /// The attachments of a snapshot, each with its content.
    fn read_attachments(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: u64,
    ) -> PyResult<Operation> {
        let snapshot = arguments::reference(arguments::session(agent, session)?, Some(index))?;
        self.operation(py, move |opened| {
            async move { opened.store.read_attachments(&snapshot).await.map(Contents) }.boxed()
        })
    }

    /// The attachments of several snapshots, each with its content; an exception stands for a snapshot that was deleted.
    fn read_attachments_of(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        indices: Vec<u64>,
    ) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        let indices = arguments::indices(indices)?;
        self.operation(py, move |opened| {
            async move {
                let read = opened.store.read_attachments_of(&session, &indices).await?;
                Ok(Each(read.into_iter().map(|one| one.map(Contents)).collect()))
            }
            .boxed()
        })
    }
}

impl Outcome for Position {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let last_index = self.last_index.map(SnapshotIndex::get);
        Ok((last_index, self.decision).into_pyobject(py)?.into_any().unbind())
    }
}

struct Glance(Position, Contents);

impl Outcome for Glance {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Self(position, contents) = *self;
        let both = (Box::new(position).into_object(py)?, Box::new(contents).into_object(py)?);
        Ok(both.into_pyobject(py)?.into_any().unbind())
    }
}

struct Contents(Vec<(AttachmentInfo, Bytes)>);

impl Outcome for Contents {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let pairs = PyList::empty(py);
        for (info, content) in self.0 {
            pairs.append((Py::new(py, Attachment(info))?, PyBytes::new(py, &content)))?;
        }
        Ok(pairs.into_any().unbind())
    }
}
