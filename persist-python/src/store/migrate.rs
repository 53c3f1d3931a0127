//! Migrating a whole store into another.

use std::pin::pin;

use futures_util::StreamExt as _;
use futures_util::future::try_join;
use persist_host::{MigrateOptions, MigrationRow, MigrationSummary, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;

use super::NativeStore;
use crate::errors::{exception, invalid, raise};
use crate::infos::Report;
use crate::operation::Outcome;
use crate::recipe::Opened;
use crate::rows::{Rows, Sender};

/// What comes after the last session, as the command's last line.
#[derive(Serialize)]
struct End {
    summary: MigrationSummary,
}

#[pymethods]
impl NativeStore {
    /// Copies all sessions into another store, or continues that: a row for each session, and the sums at the end.
    fn migrate(&self, py: Python<'_>, to: &Self, verify: bool, dry_run: bool) -> PyResult<Rows> {
        if verify && dry_run {
            return Err(invalid(
                "verify_in_dry_run",
                "verify and dry_run are both set; a dry run copies nothing that could be verified",
            ));
        }
        let mut options = MigrateOptions::default();
        options.verify = verify;
        options.dry_run = dry_run;
        let (from, to) = (self.0.current(py)?, to.0.current(py)?);
        Rows::start(py, move |rows| async move {
            let migrated = match try_join(from.get(), to.get()).await {
                Ok((from, to)) => migrate(from, to, options, &rows).await,
                Err(error) => Err(error),
            };
            if let Err(error) = migrated {
                rows.fail(error).await;
            }
        })
    }
}

async fn migrate(from: &Opened, to: &Opened, options: MigrateOptions, rows: &Sender) -> Result<()> {
    let mut summary = MigrationSummary::default();
    let mut migrated = pin!(from.store.migrate(&to.store, options, &|_| {}).await?);
    while let Some(row) = migrated.next().await {
        let row = row?;
        summary.add(&row);
        if !rows.send(Ok(row)).await {
            return Ok(());
        }
    }
    rows.send(Ok(Report::of(&End { summary })?)).await;
    Ok(())
}

impl Outcome for MigrationRow {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let (result, error) = match self.result {
            Ok(migrated) => {
                let report = Report::of(&migrated).map_err(|error| raise(&error))?;
                (Some(Box::new(report).into_object(py)?), None)
            }
            Err(error) => (None, Some(exception(py, &error)?)),
        };
        let session = self.session.as_ref();
        let row = PyDict::new(py);
        row.set_item("agent_id", session.map(|session| session.agent.as_str()))?;
        row.set_item("session_id", session.map(|session| session.session.as_str()))?;
        row.set_item("result", result)?;
        row.set_item("error", error)?;
        Ok(row.into_any().unbind())
    }
}
