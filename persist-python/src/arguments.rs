//! What callers pass, checked and turned into what the library takes.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::num::NonZeroU64;
use std::str::FromStr;

use bytes::Bytes;
use persist_host::retention::{InvalidRule, KeepRules, TimeZone};
use persist_host::{
    AgentId, AttachMode, AttachmentName, Expect, RefPattern, SessionId, SessionRef, SnapshotIndex,
    SnapshotName, SnapshotRef, WriteId,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView};

use crate::errors::{invalid, raise_id};

/// How callers name a session.
pub(crate) fn session(agent: &str, session: &str) -> PyResult<SessionRef> {
    let agent = AgentId::parse(agent).map_err(raise_id)?;
    Ok(SessionRef::new(agent, SessionId::parse(session).map_err(raise_id)?))
}

/// What an operation on many snapshots covers.
pub(crate) fn pattern(agent: Option<&str>, session: Option<&str>, at: Option<u64>) -> PyResult<RefPattern> {
    if agent.is_none() && session.is_some() {
        return Err(invalid("session_without_agent", "a session is named without its agent"));
    }
    if session.is_none() && at.is_some() {
        return Err(invalid("index_without_session", "an index is given without a session"));
    }
    Ok(RefPattern {
        agent: agent.map(AgentId::parse).transpose().map_err(raise_id)?,
        session: session.map(SessionId::parse).transpose().map_err(raise_id)?,
        index: at.map(index).transpose()?,
    })
}

/// The index of a snapshot.
pub(crate) fn index(number: u64) -> PyResult<SnapshotIndex> {
    SnapshotIndex::new(number).map_err(raise_id)
}

/// The indices of snapshots.
pub(crate) fn indices(numbers: Vec<u64>) -> PyResult<Vec<SnapshotIndex>> {
    numbers.into_iter().map(index).collect()
}

/// One snapshot: by its index, or the newest.
pub(crate) fn reference(session: SessionRef, at: Option<u64>) -> PyResult<SnapshotRef> {
    Ok(SnapshotRef { session, index: at.map(index).transpose()? })
}

/// A snapshot's name.
pub(crate) fn name(text: &str) -> PyResult<SnapshotName> {
    SnapshotName::parse(text).map_err(raise_id)
}

/// An attachment's name.
pub(crate) fn attachment_name(text: &str) -> PyResult<AttachmentName> {
    AttachmentName::parse(text).map_err(raise_id)
}

/// What must be the newest snapshot: anything, "empty", or an index.
pub(crate) fn expect(value: Option<&Bound<'_, PyAny>>) -> PyResult<Expect> {
    let Some(value) = value else { return Ok(Expect::Any) };
    if let Ok(number) = value.extract::<u64>() {
        return Ok(Expect::Index(index(number)?));
    }
    if value.extract::<&str>().is_ok_and(|text| text == "empty") {
        return Ok(Expect::Empty);
    }
    let found = value.repr()?;
    Err(invalid(
        "bad_expect_parent",
        format!("expect_parent is {found}; expected None, \"empty\" or the index of a snapshot"),
    ))
}

/// The id of an attempt to save.
pub(crate) fn write_id(text: &str) -> PyResult<WriteId> {
    text.parse().map_err(|_| {
        invalid("bad_write_id", format!("{text:?} is not a write id: expected 32 hexadecimal digits"))
    })
}

/// What happens to an attachment that is there already.
pub(crate) fn attach_mode(text: &str) -> PyResult<AttachMode> {
    match text {
        "upsert" => Ok(AttachMode::Upsert),
        "keep" => Ok(AttachMode::Keep),
        "once" => Ok(AttachMode::Once),
        _ => Err(invalid(
            "bad_mode",
            format!("the mode is {text:?}; expected \"upsert\", \"keep\" or \"once\""),
        )),
    }
}

/// The content of a bytes-like object, if it is one.
///
/// `bytes` cannot change, so they are used where they lie. What can change while it is saved is copied first.
pub(crate) fn bytes_like(value: &Bound<'_, PyAny>) -> PyResult<Option<Bytes>> {
    if value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        return Ok(Some(value.extract()?));
    }
    if value.is_instance_of::<PyMemoryView>() {
        return Ok(Some(value.call_method0("tobytes")?.extract()?));
    }
    Ok(None)
}

/// The content of what must be a bytes-like object.
pub(crate) fn content(value: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    bytes_like(value)?.ok_or_else(|| {
        let found =
            value.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string());
        PyTypeError::new_err(format!("the content is {found}; expected bytes, bytearray or memoryview"))
    })
}

/// The rules of a pruning: what to keep, as a tuple in the order of [`KeepRules`].
#[derive(FromPyObject)]
pub(crate) struct Keep(
    Option<NonZeroU64>,
    Option<String>,
    Option<NonZeroU64>,
    Option<NonZeroU64>,
    Option<NonZeroU64>,
    Option<NonZeroU64>,
    Option<NonZeroU64>,
    Vec<String>,
    bool,
    Option<String>,
);

impl Keep {
    /// The rules, and the time zone if there is one.
    pub(crate) fn read(self) -> PyResult<(KeepRules, Option<TimeZone>)> {
        let Self(last, within, hourly, daily, weekly, monthly, yearly, labels, named, timezone) = self;
        let rules = KeepRules {
            last,
            within: within.as_deref().map(rule).transpose()?,
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
            labels: labels.iter().map(|label| rule(label)).collect::<PyResult<_>>()?,
            named,
            timezone: TimeZone::default(),
        };
        Ok((rules, timezone.as_deref().map(rule).transpose()?))
    }
}

fn rule<T: FromStr<Err = InvalidRule>>(text: &str) -> PyResult<T> {
    text.parse().map_err(|error: InvalidRule| invalid("bad_rule", error.to_string()))
}

/// A hash for Python's `__hash__`.
pub(crate) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
