//! What the library says of snapshots and attachments, as frozen objects of Python.

use persist_host::{
    AttachmentInfo, Error, ErrorKind, Result, SnapshotIndex, SnapshotInfo, SnapshotName, Timestamp,
};
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyDelta, PyDict, PyTzInfo};
use serde::Serialize;
use serde_json::Value;

use crate::errors::raise;
use crate::operation::Outcome;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A snapshot, without its state.
#[pyclass(frozen, eq, module = "persist_agents")]
#[derive(PartialEq)]
pub(crate) struct Snapshot(pub(crate) SnapshotInfo);

#[pymethods]
impl Snapshot {
    #[getter]
    fn agent_id(&self) -> &str {
        self.0.agent_id.as_str()
    }

    #[getter]
    fn session_id(&self) -> &str {
        self.0.session_id.as_str()
    }

    #[getter]
    fn snapshot_index(&self) -> u64 {
        self.0.snapshot_index.get()
    }

    #[getter]
    fn timestamp<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.0.timestamp)
    }

    #[getter]
    fn content_hash(&self) -> String {
        self.0.content_hash.to_string()
    }

    #[getter]
    fn content_length(&self) -> u64 {
        self.0.content_length
    }

    #[getter]
    fn stored_bytes(&self) -> u64 {
        self.0.stored_bytes
    }

    #[getter]
    fn format_version(&self) -> u16 {
        self.0.format_version
    }

    #[getter]
    fn codec(&self) -> Option<&str> {
        self.0.codec.as_deref()
    }

    #[getter]
    fn storage(&self) -> &str {
        &self.0.storage
    }

    #[getter]
    fn media_type(&self) -> &str {
        &self.0.media_type
    }

    #[getter]
    fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        (&self.0.labels).into_pyobject(py)
    }

    #[getter]
    fn name(&self) -> Option<&str> {
        self.0.name.as_ref().map(SnapshotName::as_str)
    }

    #[getter]
    fn parent_index(&self) -> Option<u64> {
        self.0.parent_index.map(SnapshotIndex::get)
    }

    #[getter]
    fn forked_from(&self) -> Option<String> {
        self.0.forked_from.as_ref().map(ToString::to_string)
    }

    #[getter]
    fn write_id(&self) -> String {
        self.0.write_id.to_string()
    }

    /// The same as JSON-like objects, as `persist show --json` prints them.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        object(py, &Report::of(&self.0).map_err(|error| raise(&error))?.0)
    }

    fn __repr__(&self) -> String {
        let info = &self.0;
        format!("<Snapshot {}@{}: {} bytes>", info.session(), info.snapshot_index, info.content_length)
    }

    fn __hash__(&self) -> u64 {
        crate::arguments::hash(&(self.0.session(), self.0.snapshot_index, self.0.write_id.to_string()))
    }
}

/// An attachment, without its content.
#[pyclass(frozen, eq, module = "persist_agents")]
#[derive(PartialEq)]
pub(crate) struct Attachment(pub(crate) AttachmentInfo);

#[pymethods]
impl Attachment {
    #[getter]
    fn agent_id(&self) -> &str {
        self.0.agent_id.as_str()
    }

    #[getter]
    fn session_id(&self) -> &str {
        self.0.session_id.as_str()
    }

    #[getter]
    fn snapshot_index(&self) -> u64 {
        self.0.snapshot_index.get()
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name.as_str()
    }

    #[getter]
    fn version(&self) -> u64 {
        self.0.version
    }

    #[getter]
    fn timestamp<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.0.timestamp)
    }

    #[getter]
    fn content_hash(&self) -> String {
        self.0.content_hash.to_string()
    }

    #[getter]
    fn content_length(&self) -> u64 {
        self.0.content_length
    }

    #[getter]
    fn stored_bytes(&self) -> u64 {
        self.0.stored_bytes
    }

    #[getter]
    fn codec(&self) -> Option<&str> {
        self.0.codec.as_deref()
    }

    #[getter]
    fn media_type(&self) -> &str {
        &self.0.media_type
    }

    #[getter]
    fn write_id(&self) -> String {
        self.0.write_id.to_string()
    }

    /// The same as JSON-like objects, as `persist attachment list --json` prints them.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        object(py, &Report::of(&self.0).map_err(|error| raise(&error))?.0)
    }

    fn __repr__(&self) -> String {
        let info = &self.0;
        let (session, index, name) = (info.session(), info.snapshot_index, info.name.as_str());
        format!("<Attachment {name:?} of {session}@{index}: {} bytes>", info.content_length)
    }

    fn __hash__(&self) -> u64 {
        crate::arguments::hash(&(self.0.session(), self.0.snapshot_index, self.0.write_id.to_string()))
    }
}

impl Outcome for SnapshotInfo {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Snapshot(*self))?.into_any())
    }
}

impl Outcome for AttachmentInfo {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Attachment(*self))?.into_any())
    }
}

/// Something that the library serialises, as JSON-like objects.
pub(crate) struct Report(pub(crate) Value);

impl Report {
    /// # Errors
    ///
    /// When it has no JSON form.
    pub(crate) fn of(value: &impl Serialize) -> Result<Self> {
        serde_json::to_value(value).map(Self).map_err(|error| {
            Error::new(ErrorKind::Other, "report_failed", "cannot put a report into Python's terms")
                .with_source(error)
        })
    }
}

impl Outcome for Report {
    fn into_object(self: Box<Self>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(object(py, &self.0)?.unbind())
    }
}

/// JSON that the library made as objects of Python.
fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into_pyobject(py)?.into_any(),
            (None, Some(number)) => number.into_pyobject(py)?.into_any(),
            (None, None) => number.as_f64().into_pyobject(py)?,
        },
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Array(items) => {
            let items = items.iter().map(|item| object(py, item)).collect::<PyResult<Vec<_>>>()?;
            items.into_pyobject(py)?
        }
        Value::Object(entries) => {
            let made = PyDict::new(py);
            for (key, value) in entries {
                made.set_item(key, object(py, value)?)?;
            }
            made.into_any()
        }
    })
}

fn datetime(py: Python<'_>, timestamp: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    let micros = timestamp.as_micros();
    let (seconds, micros) = (micros.div_euclid(MICROS_PER_SECOND), micros.rem_euclid(MICROS_PER_SECOND));
    let (days, seconds) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
    // Remainders of days and seconds are within the range of the type, and so are the days of the calendar.
    let since = PyDelta::new(py, days as i32, seconds as i32, micros as i32, false)?;
    let utc = PyTzInfo::utc(py)?;
    let epoch = PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc))?;
    epoch.as_any().add(since)
}
