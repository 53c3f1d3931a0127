//! Typed values of LangGraph's serializers as JSON, for Python.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::msgpack::{Malformed, TYPED, members, parse_typed, to_json, to_msgpack};

/// The type of a value without data.
const NULL: &str = "null";
const MSGPACK: &str = "msgpack";
/// MessagePack's own nil, which is another value than that of the type `null`.
const NIL: &[u8] = &[0xc0];

/// A serialized value as JSON: readable where that leads back to the same bytes, else as base64.
#[pyfunction]
pub(crate) fn encode_typed<'py>(
    py: Python<'py>,
    kind: &str,
    data: &Bound<'py, PyBytes>,
) -> Bound<'py, PyBytes> {
    let data = data.as_bytes();
    if kind == NULL && data.is_empty() {
        return PyBytes::new(py, b"null");
    }
    let json = py.detach(|| {
        let readable = (kind == MSGPACK && data != NIL).then(|| to_json(data)).flatten();
        readable.unwrap_or_else(|| {
            let wrapped = serde_json::json!({ TYPED: [kind, STANDARD.encode(data)] });
            wrapped.to_string().into_bytes()
        })
    });
    PyBytes::new(py, &json)
}

/// The type and the data that a JSON text of `encode_typed` stands for.
#[pyfunction]
pub(crate) fn decode_typed<'py>(
    py: Python<'py>,
    text: &Bound<'py, PyBytes>,
) -> PyResult<(String, Bound<'py, PyBytes>)> {
    let text = text.as_bytes();
    if text == b"null" {
        return Ok((NULL.to_owned(), PyBytes::new(py, b"")));
    }
    let decoded = py.detach(|| match parse_typed(text)? {
        Some(typed) => Ok(typed),
        None => Ok((MSGPACK.to_owned(), to_msgpack(text)?)),
    });
    let (kind, data) = decoded.map_err(refuse)?;
    Ok((kind, PyBytes::new(py, &data)))
}

/// The members of a JSON object, each value as the text that it is.
#[pyfunction]
pub(crate) fn json_members<'py>(py: Python<'py>, text: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyDict>> {
    let text = text.as_bytes();
    let found = py.detach(|| members(text)).map_err(refuse)?;
    let made = PyDict::new(py);
    for (key, value) in found {
        made.set_item(key, PyBytes::new(py, value))?;
    }
    Ok(made)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn refuse(error: Malformed) -> PyErr {
    PyValueError::new_err(error.to_string())
}
