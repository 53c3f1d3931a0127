//! Verbs that look after sessions: what to keep, what they take, what differs.

use futures_util::FutureExt as _;
use futures_util::future::try_join;
use persist_host::retention::KeepRules;
use persist_host::{DeleteTarget, Deleted, Listed, SnapshotIndex, Timestamp};
use pyo3::prelude::*;
use serde::Serialize;

use super::NativeStore;
use crate::arguments::{self, Keep};
use crate::difference::compare;
use crate::infos::Report;
use crate::operation::Operation;

/// What pruning a session comes to.
#[derive(Serialize)]
struct Pruned {
    keep: Vec<Kept>,
    delete: Vec<SnapshotIndex>,
    delete_bytes: u64,
    result: Option<Deleted>,
}

#[derive(Serialize)]
struct Kept {
    snapshot_index: SnapshotIndex,
    reasons: Vec<String>,
}

#[pymethods]
impl NativeStore {
    /// Deletes what no rule keeps, or only tells what that would be.
    fn prune(
        &self,
        py: Python<'_>,
        agent: &str,
        session: &str,
        keep: Keep,
        dry_run: bool,
    ) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        let (rules, timezone) = keep.read()?;
        self.operation(py, move |opened| {
            async move {
                // Rules are never mixed: those of the call count, or else those of the config.
                let mut rules: KeepRules = if rules.is_empty() { opened.retention.clone() } else { rules };
                if let Some(timezone) = timezone {
                    rules.timezone = timezone;
                }
                let mut listed = Listed::read(&opened.store, session).await?;
                let plan = listed.plan(&rules, Timestamp::now())?;
                let result = if dry_run {
                    None
                } else if plan.delete.is_empty() {
                    Some(Deleted::default())
                } else {
                    let target = DeleteTarget::Indices(plan.delete.iter().copied().collect());
                    Some(opened.store.delete(&listed.session, &target).await?)
                };
                let keep = plan.keep.into_iter().map(|kept| Kept {
                    snapshot_index: kept.index,
                    reasons: kept.reasons.iter().map(ToString::to_string).collect(),
                });
                Report::of(&Pruned {
                    keep: keep.collect(),
                    delete: plan.delete,
                    delete_bytes: plan.delete_bytes,
                    result,
                })
            }
            .boxed()
        })
    }

    /// Frees the space of deleted snapshots; a compaction also stores anew what is built on them.
    fn collect(&self, py: Python<'_>, agent: &str, session: &str, compact: bool) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        self.operation(py, move |opened| {
            async move {
                let store = &opened.store;
                let collected =
                    if compact { store.compact(&session).await } else { store.collect(&session).await };
                Report::of(&collected?)
            }
            .boxed()
        })
    }

    /// What a session holds and takes.
    fn stats(&self, py: Python<'_>, agent: &str, session: &str) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        self.operation(py, move |opened| {
            async move { Report::of(&opened.store.stats(&session).await?) }.boxed()
        })
    }

    /// What changed between two snapshots.
    fn diff(
        &self,
        py: Python<'_>,
        old: (String, String, Option<u64>),
        new: (String, String, Option<u64>),
    ) -> PyResult<Operation> {
        let [old, new] = [old, new].map(|(agent, session, index)| {
            arguments::reference(arguments::session(&agent, &session)?, index)
        });
        let (old, new) = (old?, new?);
        self.operation(py, move |opened| {
            async move {
                let store = &opened.store;
                let (old, new) = try_join(store.restore(&old), store.restore(&new)).await?;
                compare(old, new).await
            }
            .boxed()
        })
    }
}
