//! The store as Python's side sees it: every verb makes an [`Operation`] or [`Rows`](crate::rows::Rows).

mod attachments;
mod list;
mod maintain;
mod migrate;
mod read;
mod save;
mod threads;
mod transfer;

use std::path::PathBuf;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use persist_host::Result;
use pyo3::prelude::*;

use crate::errors::invalid;
use crate::operation::{Operation, Outcome};
use crate::recipe::{Handle, Opened, PluginPath, Recipe, Source};
use crate::state;

/// A store, opened in this process when it is first needed.
#[pyclass(frozen, module = "persist_agents._persist")]
pub(crate) struct NativeStore(Handle);

#[pymethods]
impl NativeStore {
    /// A store of a config.
    #[staticmethod]
    fn of_config(
        config: Option<PathBuf>,
        store: Option<String>,
        plugin_path: Vec<PathBuf>,
        bundled: PathBuf,
        module: PathBuf,
    ) -> Self {
        let plugins = PluginPath { extra: plugin_path, bundled, module };
        Self(Handle::new(Recipe::new(Source::Config { file: config, store }, plugins)))
    }

    /// A store described by what a config file says of one.
    #[staticmethod]
    fn of_description(
        description: &Bound<'_, PyAny>,
        plugin_path: Vec<PathBuf>,
        bundled: PathBuf,
        module: PathBuf,
    ) -> PyResult<Self> {
        let text = state::encode(description)?;
        let description = serde_json::from_slice(&text).map_err(|error| {
            invalid("store_description", format!("the store's options cannot be read: {error}"))
        })?;
        let plugins = PluginPath { extra: plugin_path, bundled, module };
        Ok(Self(Handle::new(Recipe::new(Source::Given(description), plugins))))
    }

    /// Opens the store if it is not open.
    fn open(&self, py: Python<'_>) -> PyResult<Operation> {
        self.operation(py, |_| async { Ok(()) }.boxed())
    }

    /// Lets go of the store; what has begun goes on.
    fn close(&self, py: Python<'_>) {
        self.0.close(py);
    }
}

impl NativeStore {
    /// Something to be done with the opened store.
    fn operation<T: Outcome>(
        &self,
        py: Python<'_>,
        work: impl for<'a> FnOnce(&'a Opened) -> BoxFuture<'a, Result<T>> + Send + 'static,
    ) -> PyResult<Operation> {
        let opening = self.0.current(py)?;
        Ok(Operation::new(async move { work(opening.get().await?).await }))
    }
}
