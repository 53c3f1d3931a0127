//! Who asks: the request's id and the place in a trace, which Python keeps in a context variable.

use persist_host::Request;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The context variable: a request's id and `traceparent`, each of which may be `None`. Outside of requests it is unset.
///
/// # Errors
///
/// When Python cannot make it.
pub(crate) fn variable(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static VARIABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = VARIABLE.get_or_try_init(py, || {
        py.import("contextvars")?.call_method1("ContextVar", ("persist_request",)).map(Bound::unbind)
    })?;
    Ok(made.bind(py))
}

/// The request that the running Python code belongs to.
///
/// # Errors
///
/// When the variable holds what [`variable`] does not say.
pub(crate) fn current(py: Python<'_>) -> PyResult<Request> {
    let found = variable(py)?.call_method1("get", (py.None(),))?;
    let parts: Option<(Option<String>, Option<String>)> = found.extract()?;
    let (id, traceparent) = parts.unwrap_or_default();
    let request = id.map_or_else(Request::default, Request::with_id);
    Ok(match traceparent {
        Some(traceparent) => request.with_traceparent(traceparent),
        None => request,
    })
}
