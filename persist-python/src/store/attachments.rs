//! Verbs about attachments.

use futures_util::FutureExt as _;
use persist_host::{AttachRequest, AttachmentInfo};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::NativeStore;
use crate::arguments;
use crate::infos::Attachment;
use crate::operation::{Operation, Outcome};
use crate::state::AsBytes;

#[pymethods]
impl NativeStore {
    /// Attaches content to a snapshot.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the Python method")]
    fn attach(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: Option<u64>,
        name: &str,
        content: &Bound<'_, PyAny>,
        media_type: Option<String>,
        mode: &str,
    ) -> PyResult<Operation> {
        let snapshot = arguments::reference(arguments::session(agent, session)?, index)?;
        let name = arguments::attachment_name(name)?;
        let mut request = AttachRequest::new(snapshot, name, arguments::content(content)?);
        request.media_type = media_type;
        request.mode = arguments::attach_mode(mode)?;
        self.operation(py, |opened| opened.store.attach(request).boxed())
    }

    /// The attachments of a snapshot.
    fn attachments(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: Option<u64>,
    ) -> PyResult<Operation> {
        let snapshot = arguments::reference(arguments::session(agent, session)?, index)?;
        self.operation(py, move |opened| {
            async move { opened.store.attachments(&snapshot).await.map(Attachments) }.boxed()
        })
    }

    /// The content of an attachment.
    fn read_attachment(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: Option<u64>,
        name: &str,
    ) -> PyResult<Operation> {
        let snapshot = arguments::reference(arguments::session(agent, session)?, index)?;
        let name = arguments::attachment_name(name)?;
        self.operation(py, move |opened| {
            async move { Ok(AsBytes(opened.store.read_attachment(&snapshot, &name).await?.1)) }.boxed()
        })
    }

    /// Copies the attachments of a snapshot to the same snapshot in another store; the result is how many were written.
    fn copy_attachments(
        &self,
        py: Python<'_>,
        to: &Self,
        agent: &str,
        session: &str,
        index: u64,
    ) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        let index = arguments::index(index)?;
        let target = to.0.current(py)?;
        self.operation(py, move |opened| {
            async move {
                let target = target.get().await?;
                opened.store.copy_attachments(&target.store, &session, index).await
            }
            .boxed()
        })
    }
}

struct Attachments(Vec<AttachmentInfo>);

impl Outcome for Attachments {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let attachments = self.0.into_iter().map(|info| Py::new(py, Attachment(info)));
        let attachments = attachments.collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, attachments)?.into_any().unbind())
    }
}
