//! Traces: the process's exporter, started with the first store that is opened.

use std::sync::{Mutex, PoisonError};

use persist_host::Result;
use persist_host::config::TracesConfig;
use persist_host::traces::Traces;
use pyo3::prelude::*;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::Registry;

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// An exporter and the process whose threads it has.
struct Running {
    process: u32,
    traces: Traces,
}

/// Starts the exporter, if the config or the environment asks for one.
///
/// # Errors
///
/// Those of [`Traces::start`].
pub(crate) fn start(config: &TracesConfig) -> Result<Option<Box<dyn Layer<Registry> + Send + Sync>>> {
    let Some(traces) = Traces::start(config)? else { return Ok(None) };
    let process = std::process::id();
    // A process that is forked from this one has the exporter's memory and none of its threads.
    let here = dynamic_filter_fn(move |_, _| std::process::id() == process);
    let layer = traces.layer().with_filter(here).boxed();
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { process, traces });
    Ok(Some(layer))
}

/// Sends the last spans, before the interpreter ends.
pub(crate) fn finish(py: Python<'_>) {
    // In a process that was forked just then, it is locked for ever.
    let Ok(mut running) = RUNNING.try_lock() else { return };
    let running = running.take();
    match running {
        Some(running) if running.process == std::process::id() => py.detach(|| running.traces.finish()),
        // The parent's threads are not here to be waited for.
        other => std::mem::forget(other),
    }
}
