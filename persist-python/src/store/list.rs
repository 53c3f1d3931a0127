//! Verbs that give many rows, and deletion.

use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use persist_host::{DeleteTarget, Depth};
use pyo3::prelude::*;

use super::NativeStore;
use crate::arguments;
use crate::errors::invalid;
use crate::infos::Report;
use crate::operation::Operation;
use crate::rows::Rows;

#[pymethods]
impl NativeStore {
    /// Snapshots; of one session, those from an index on.
    fn list(&self, py: Python<'_>, agent: Option<&str>, session: Option<&str>, start: u64) -> PyResult<Rows> {
        let pattern = arguments::pattern(agent, session, None)?;
        let first = arguments::index(start)?;
        let one =
            agent.zip(session).map(|(agent, session)| arguments::session(agent, session)).transpose()?;
        if one.is_none() && start > 0 {
            return Err(invalid(
                "start_without_session",
                "a listing can start at an index only within a session",
            ));
        }
        let opening = self.0.current(py)?;
        Rows::start(py, move |rows| async move {
            match (opening.get().await, one) {
                (Ok(opened), Some(session)) => rows.send_all(opened.store.list_from(&session, first)).await,
                (Ok(opened), None) => rows.send_all(opened.store.list(&pattern)).await,
                (Err(error), _) => rows.fail(error).await,
            }
        })
    }

    /// Sessions, as pairs of agent and session.
    fn sessions(&self, py: Python<'_>, agent: Option<&str>) -> PyResult<Rows> {
        let pattern = arguments::pattern(agent, None, None)?;
        let opening = self.0.current(py)?;
        Rows::start(py, move |rows| async move {
            match opening.get().await {
                Ok(opened) => rows.send_all(opened.store.sessions_to_show(&pattern)).await,
                Err(error) => rows.fail(error).await,
            }
        })
    }

    /// What was found of every stored object that snapshots need.
    fn verify(
        &self,
        py: Python<'_>,
        agent: Option<&str>,
        session: Option<&str>,
        index: Option<u64>,
        data: bool,
    ) -> PyResult<Rows> {
        let pattern = arguments::pattern(agent, session, index)?;
        let depth = if data { Depth::Data } else { Depth::Objects };
        let opening = self.0.current(py)?;
        Rows::start(py, move |rows| async move {
            match opening.get().await {
                Ok(opened) => rows.send_all(opened.store.verify(&pattern, depth)).await,
                Err(error) => rows.fail(error).await,
            }
        })
    }

    /// Deletes snapshots of a session: these, or all.
    fn delete(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        indices: Option<Vec<u64>>,
    ) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        let target = match indices {
            None => DeleteTarget::All,
            Some(indices) => {
                let indices = indices.into_iter().map(arguments::index);
                DeleteTarget::Indices(indices.collect::<PyResult<BTreeSet<_>>>()?)
            }
        };
        self.operation(py, move |opened| {
            async move { Report::of(&opened.store.delete(&session, &target).await?) }.boxed()
        })
    }
}
