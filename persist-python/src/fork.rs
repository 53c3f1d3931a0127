//! What a fork must not fall into: locks of the library that another thread holds, for the child lacks that thread.

use std::cell::RefCell;

use persist_host::{PluginsPaused, pause_plugins};
use pyo3::prelude::*;

thread_local! {
    /// Held by the thread that forks, which goes on in both processes.
    static PAUSED: RefCell<Option<PluginsPaused>> = const { RefCell::new(None) };
}

/// Has Python call the two functions below whenever it forks.
///
/// # Errors
///
/// When Python cannot do so.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    let os = py.import("os")?;
    let hooks = pyo3::types::PyDict::new(py);
    let resume = pyo3::wrap_pyfunction!(resume_after_fork, py)?;
    hooks.set_item("before", pyo3::wrap_pyfunction!(pause_before_fork, py)?)?;
    hooks.set_item("after_in_parent", &resume)?;
    hooks.set_item("after_in_child", &resume)?;
    os.call_method("register_at_fork", (), Some(&hooks))?;
    Ok(())
}

/// The locks are held for moments only, and nobody who holds one waits for the interpreter's lock.
#[pyfunction]
fn pause_before_fork() {
    PAUSED.set(Some(pause_plugins()));
}

#[pyfunction]
fn resume_after_fork() {
    PAUSED.set(None);
}
