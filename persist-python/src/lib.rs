//! `persist_agents._persist`: the host library for Python.
//!
//! The package's Python side, which is what users see, stands in `python/persist_agents`. This module has no logic of its
//! own: it turns arguments into requests, runs them on one tokio runtime per process, and turns results into objects.
//!
//! What must stay true:
//!
//! - Work is done without the interpreter's lock. A verb of the `NativeStore` makes an `Operation`
//!   while it holds the lock; waiting for it releases the lock.
//! - No thread waits for the interpreter's lock while it holds a lock of ours, and tokio's threads never wait for it at
//!   all: what they have to say goes through a queue (`deliver`) to one thread that does.
//! - Locks of ours that a child process may find are taken only by threads that hold the interpreter's lock, and given
//!   back before it is released. A fork, which holds it too, cannot happen meanwhile.

mod arguments;
mod deliver;
mod difference;
mod errors;
mod fork;
mod infos;
mod local;
mod logging;
mod msgpack;
mod operation;
mod process;
mod recipe;
mod request;
mod rows;
mod state;
mod store;
mod traces;
mod typed;

use pyo3::prelude::*;

/// The module; Python's import machinery calls what the macro makes of it.
#[pymodule]
mod _persist {
    #[pymodule_export]
    use super::infos::{Attachment, Snapshot};
    #[pymodule_export]
    use super::operation::Operation;
    #[pymodule_export]
    use super::rows::Rows;
    #[pymodule_export]
    use super::state::{decode_json, encode_json};
    #[pymodule_export]
    use super::store::NativeStore;
    #[pymodule_export]
    use super::typed::{decode_typed, encode_typed, json_members};

    use pyo3::prelude::*;

    /// The metrics of this process.
    #[pyfunction]
    fn metrics_text(py: Python<'_>) -> String {
        py.detach(persist_host::metrics::text)
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("ERROR_KINDS", super::errors::kinds())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("REQUEST", super::request::variable(module.py())?)?;
        super::process::install(module.py())?;
        super::fork::install(module.py())
    }
}
