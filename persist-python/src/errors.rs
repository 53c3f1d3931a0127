//! Errors of the library as exceptions of Python.

use std::collections::BTreeMap;
use std::error::Error as _;

use persist_host::{Error, ErrorKind, InvalidId};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The Python module that has the exceptions.
const MODULE: &str = "persist_agents._errors";

/// Every kind of error with the `persist` command's exit code.
pub(crate) fn kinds() -> BTreeMap<&'static str, u8> {
    ErrorKind::ALL.iter().map(|kind| (kind.name(), kind.exit_code())).collect()
}

/// The exception for an error. It is made when Python first looks at it.
pub(crate) fn raise(error: &Error) -> PyErr {
    Python::attach(|py| exception(py, error).map_or_else(|failed| failed, PyErr::from_value))
}

/// The exception for a name or a reference that cannot be used.
#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is turned into another")]
pub(crate) fn raise_id(error: InvalidId) -> PyErr {
    invalid("invalid_id", error.to_string())
}

/// The exception for something that an argument says.
pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> PyErr {
    raise(&Error::new(ErrorKind::InvalidInput, code, message))
}

/// Something that a child process has from its parent, and cannot use.
pub(crate) fn forked(what: &str) -> Error {
    let message = format!("{what} belongs to the process that this one was forked from");
    Error::new(ErrorKind::Other, "forked", message).with_hint("begin it anew in this process")
}

/// The exception object for an error.
///
/// # Errors
///
/// When Python cannot make it.
pub(crate) fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let context = PyDict::new(py);
    for (name, value) in error.context() {
        context.set_item(name, value)?;
    }
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(found) = cause {
        causes.push(found.to_string());
        cause = found.source();
    }
    let kind = error.kind().name();
    py.import(MODULE)?.getattr("from_native")?.call1((
        kind,
        error.code(),
        error.to_string(),
        context,
        error.hint(),
        causes,
    ))
}
