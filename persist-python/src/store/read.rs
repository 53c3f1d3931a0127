//! Verbs that read one snapshot.

use futures_util::FutureExt as _;
use persist_host::{Result, SessionRef, SnapshotName, SnapshotRef};
use pyo3::prelude::*;

use super::NativeStore;
use crate::arguments;
use crate::errors::invalid;
use crate::operation::Operation;
use crate::recipe::Opened;
use crate::state::{AsBytes, AsObject, WithInfo};

#[pymethods]
impl NativeStore {
    /// A state as an object, by its media type.
    fn restore(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: Option<u64>,
        name: Option<&str>,
    ) -> PyResult<Operation> {
        let which = Which::new(agent, session, index, name)?;
        self.operation(py, move |opened| {
            async move { Ok(AsObject(opened.store.restore(&which.find(opened).await?).await?)) }.boxed()
        })
    }

    /// A state as bytes.
    fn restore_bytes(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: Option<u64>,
        name: Option<&str>,
    ) -> PyResult<Operation> {
        let which = Which::new(agent, session, index, name)?;
        self.operation(py, move |opened| {
            async move { Ok(AsBytes(opened.store.restore(&which.find(opened).await?).await?.state)) }.boxed()
        })
    }

    /// What a snapshot is, and its state as bytes.
    fn read(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: Option<u64>,
        name: Option<&str>,
    ) -> PyResult<Operation> {
        let which = Which::new(agent, session, index, name)?;
        self.operation(py, move |opened| {
            async move { Ok(WithInfo(opened.store.restore(&which.find(opened).await?).await?)) }.boxed()
        })
    }

    /// What a snapshot is.
    fn show(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        index: Option<u64>,
        name: Option<&str>,
    ) -> PyResult<Operation> {
        let which = Which::new(agent, session, index, name)?;
        self.operation(py, move |opened| {
            async move {
                match which {
                    Which::Indexed(reference) => opened.store.show(&reference).await,
                    Which::Named(session, name) => opened.store.find_by_name(&session, &name).await,
                }
            }
            .boxed()
        })
    }
}

/// How a caller names a snapshot.
enum Which {
    /// By its index, or as the newest.
    Indexed(SnapshotRef),
    Named(SessionRef, SnapshotName),
}

impl Which {
    fn new(agent: &str, session: &str, index: Option<u64>, name: Option<&str>) -> PyResult<Self> {
        let session = arguments::session(agent, session)?;
        match name {
            None => Ok(Self::Indexed(arguments::reference(session, index)?)),
            Some(_) if index.is_some() => Err(invalid(
                "index_and_name",
                "a snapshot is given by an index and by a name; give one of them",
            )),
            Some(name) => Ok(Self::Named(session, arguments::name(name)?)),
        }
    }

    async fn find(self, opened: &Opened) -> Result<SnapshotRef> {
        match self {
            Self::Indexed(reference) => Ok(reference),
            Self::Named(session, name) => {
                let found = opened.store.find_by_name(&session, &name).await?;
                Ok(SnapshotRef { session, index: Some(found.snapshot_index) })
            }
        }
    }
}
