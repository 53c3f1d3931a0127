//! States: what callers hand over as bytes, and bytes as what callers get back.

mod decode;
mod encode;

use bytes::Bytes;
use persist_host::{Restored, is_json_type};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::bytes_like;
use crate::errors::invalid;
use crate::infos::Snapshot;
use crate::operation::Outcome;
pub(crate) use decode::decode;
pub(crate) use encode::encode;

/// The media type of bytes that are saved without one.
const BYTES: &str = "application/octet-stream";

/// The bytes and the media type of a state.
///
/// Bytes-like objects are taken as they are. A `str` with a media type of text is its UTF-8. All else is written as JSON.
pub(crate) fn to_bytes(
    state: &Bound<'_, PyAny>,
    media_type: Option<String>,
) -> PyResult<(Bytes, Option<String>)> {
    if let Some(bytes) = bytes_like(state)? {
        return Ok((bytes, Some(media_type.unwrap_or_else(|| BYTES.to_owned()))));
    }
    let Some(media_type) = media_type else { return Ok((encode(state)?.into(), None)) };
    if Kind::of(&media_type) == Kind::Json {
        return Ok((encode(state)?.into(), Some(media_type)));
    }
    if let (Kind::Text, Ok(text)) = (Kind::of(&media_type), state.cast_exact::<PyString>()) {
        return Ok((encode::encode_text(text)?.into(), Some(media_type)));
    }
    let found = state.get_type().name()?;
    Err(invalid(
        "state_media_type",
        format!("the state is {found} and its media type {media_type:?}: only bytes can be saved as that"),
    ))
}

/// JSON-like objects as JSON text, exactly as `save` stores them.
#[pyfunction]
pub(crate) fn encode_json<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(value.py(), &encode(value)?))
}

/// JSON text as objects, exactly as `restore` gives them.
#[pyfunction]
pub(crate) fn decode_json<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let bytes = crate::arguments::content(text)?;
    decode(text.py(), &bytes)
}

/// What a media type makes of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    /// In UTF-8.
    Text,
    Bytes,
}

impl Kind {
    fn of(media_type: &str) -> Self {
        let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
        let essence = essence.trim().to_ascii_lowercase();
        if is_json_type(media_type) {
            return Self::Json;
        }
        let parameters = parameters.to_ascii_lowercase();
        let mut charsets = parameters.split(';').filter_map(|one| one.trim().strip_prefix("charset="));
        let is_utf8 = charsets.all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "us-ascii"));
        if essence.starts_with("text/") && is_utf8 { Self::Text } else { Self::Bytes }
    }
}

/// A restored state as an object: by its media type.
pub(crate) struct AsObject(pub(crate) Restored);

/// A restored state as bytes.
pub(crate) struct AsBytes(pub(crate) Bytes);

/// A restored state as bytes, with what it is.
pub(crate) struct WithInfo(pub(crate) Restored);

impl Outcome for AsObject {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Restored { info, state, .. } = self.0;
        let object = match Kind::of(&info.media_type) {
            Kind::Json => decode(py, &state)?,
            Kind::Text => {
                let text = std::str::from_utf8(&state).map_err(|error| {
                    let media_type = &info.media_type;
                    invalid(
                        "state_not_text",
                        format!("the state is said to be {media_type:?}, but {error}; restore_bytes gives it as it is"),
                    )
                })?;
                PyString::new(py, text).into_any()
            }
            Kind::Bytes => PyBytes::new(py, &state).into_any(),
        };
        Ok(object.unbind())
    }
}

impl Outcome for AsBytes {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(PyBytes::new(py, &self.0).into_any().unbind())
    }
}

impl Outcome for WithInfo {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Restored { info, state, .. } = self.0;
        let pair = (Snapshot(info), PyBytes::new(py, &state));
        Ok(pair.into_pyobject(py)?.into_any().unbind())
    }
}
