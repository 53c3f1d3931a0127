//! One record of the log on its way to Python.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tracing::field::{Field, Visit};

use super::{LOGGER, WARNING};

/// What a span is called where its own name is that of its kind.
const NAME: &str = "otel.name";

/// What only traces have use for.
const FOR_TRACES: &str = "otel.";

/// Names and values of an event or a span. What an event says, and what a span is called, is kept apart.
#[derive(Default)]
pub(super) struct Fields {
    message: String,
    entries: Vec<(&'static str, String)>,
}

impl Fields {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What a span is called, given the name of its kind.
    pub(super) fn span_name<'a>(&'a self, kind: &'a str) -> &'a str {
        if self.message.is_empty() { kind } else { &self.message }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" | NAME => {
                let _ = write!(self.message, "{value:?}");
            }
            name if name.starts_with(FOR_TRACES) => {}
            name => self.entries.push((name, format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" | NAME => self.message.push_str(value),
            name if name.starts_with(FOR_TRACES) => {}
            name => self.entries.push((name, value.to_owned())),
        }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.entries.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(formatter, "{space}{name}={value}")?;
        }
        Ok(())
    }
}

/// A record for Python's `logging`.
pub(crate) struct Record {
    level: u8,
    logger: String,
    message: String,
    fields: Vec<(&'static str, String)>,
    spans: String,
}

impl Record {
    /// The record of an event, and in which spans it happened.
    pub(super) fn of_event(level: u8, target: &str, fields: Fields, spans: String) -> Self {
        // A plugin's event arrives under one target for all; the plugin is what tells them apart.
        let logger = match fields.get("plugin") {
            Some(plugin) => format!("{LOGGER}.plugin.{plugin}"),
            None => logger(target),
        };
        let mut message = fields.message.clone();
        if !fields.is_empty() {
            let _ = write!(message, " [{fields}]");
        }
        Self { level, logger, message, fields: fields.entries, spans }
    }

    /// The record of a span that has ended. `kind` is its name.
    pub(super) fn of_span(level: u8, target: &str, kind: &str, fields: &Fields, took: Duration) -> Self {
        let name = fields.span_name(kind);
        let mut message = format!("{name} took {:.3} ms", took.as_secs_f64() * 1000.0);
        if !fields.is_empty() {
            let _ = write!(message, " [{fields}]");
        }
        Self {
            level,
            logger: logger(target),
            message,
            fields: fields.entries.clone(),
            spans: name.to_owned(),
        }
    }

    /// Gives records to their loggers. A handler that raises concerns only itself, as everywhere in `logging`.
    pub(crate) fn emit_all(py: Python<'_>, records: VecDeque<Self>, dropped: u64) {
        for record in records {
            if let Err(error) = record.emit(py) {
                error.write_unraisable(py, None);
            }
        }
        if dropped > 0 {
            let lost = Self {
                level: WARNING,
                logger: LOGGER.to_owned(),
                message: format!(
                    "{dropped} log records came faster than they could be handled and were dropped"
                ),
                fields: Vec::new(),
                spans: String::new(),
            };
            if let Err(error) = lost.emit(py) {
                error.write_unraisable(py, None);
            }
        }
    }

    fn emit(&self, py: Python<'_>) -> PyResult<()> {
        let logger = py.import("logging")?.call_method1("getLogger", (&self.logger,))?;
        if !logger.call_method1("isEnabledFor", (self.level,))?.is_truthy()? {
            return Ok(());
        }
        let fields = PyDict::new(py);
        for (name, value) in &self.fields {
            fields.set_item(name, value)?;
        }
        let extra = PyDict::new(py);
        extra.set_item("persist_fields", fields)?;
        extra.set_item("persist_spans", &self.spans)?;
        let no_arguments = ();
        let record = logger.call_method1(
            "makeRecord",
            (
                &self.logger,
                self.level,
                "persist_agents",
                0,
                &self.message,
                no_arguments,
                py.None(),
                py.None(),
                extra,
            ),
        )?;
        logger.call_method1("handle", (record,))?;
        Ok(())
    }
}

/// The logger for a target: `persist::operation` is `persist_agents.operation`, and what comes from the library's module
/// `persist_host::plugins` is `persist_agents.host.plugins`.
fn logger(target: &str) -> String {
    let path = target.strip_prefix("persist").map_or(target, |path| path.trim_start_matches(['_', ':']));
    format!("{LOGGER}.{}", path.replace("::", "."))
}
