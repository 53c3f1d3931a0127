//! The library's log, for Python's `logging`.
//!
//! An event becomes a record of the logger `persist_agents.…` that is named after its origin; a span becomes one when it
//! ends. Whoever logs only queues: no thread of the library ever waits for the interpreter's lock.
//!
//! What is queued is decided by the level of the logger `persist_agents`, which is read at the begin of every call.

mod record;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tracing::span::{Attributes, Id};
use tracing::subscriber::{Interest, set_global_default};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry, Scope};

use crate::process::Process;
use record::Fields;
pub(crate) use record::Record;

/// The logger that all others lie below.
const LOGGER: &str = "persist_agents";

/// The numbers of Python's levels; `logging` has none for tracing.
const TRACE: u8 = 5;
const DEBUG: u8 = 10;
const INFO: u8 = 20;
const WARNING: u8 = 30;
const ERROR: u8 = 40;

/// Records of a lower level are not wanted.
static LEAST: AtomicU8 = AtomicU8::new(WARNING);

/// Makes Python's `logging` the log of the process's copy of the library.
pub(crate) fn install() {
    // It fails only when the module is initialised twice in a process; then it is there already.
    let _ = set_global_default(Registry::default().with(ToPython));
}

/// Asks Python which records are wanted.
///
/// # Errors
///
/// When `logging` cannot be used.
pub(crate) fn read_level(py: Python<'_>) -> PyResult<()> {
    static GET_LEVEL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let get_level = GET_LEVEL.get_or_try_init(py, || {
        let logger = py.import("logging")?.call_method1("getLogger", (LOGGER,))?;
        logger.getattr("getEffectiveLevel").map(Bound::unbind)
    })?;
    let level: u32 = get_level.call0(py)?.extract(py)?;
    let level = u8::try_from(level).unwrap_or(u8::MAX);
    if LEAST.swap(level, Ordering::Relaxed) != level {
        tracing::callsite::rebuild_interest_cache();
    }
    Ok(())
}

fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => ERROR,
        Level::WARN => WARNING,
        Level::INFO => INFO,
        Level::DEBUG => DEBUG,
        Level::TRACE => TRACE,
    }
}

fn is_wanted(metadata: &Metadata<'_>) -> bool {
    number(*metadata.level()) >= LEAST.load(Ordering::Relaxed)
        // What the runtime says of itself is no business of a user of Persist.
        && metadata.target().starts_with("persist")
}

struct ToPython;

/// What is remembered of a span until it ends.
struct Open {
    since: Instant,
    fields: Fields,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ToPython {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Decided anew when the level changes.
        if is_wanted(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_wanted(metadata)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(Open { since: Instant::now(), fields });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(process) = Process::find() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut spans = String::new();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let open = extensions.get::<Open>();
            let _ = write!(spans, "{}{}", if spans.is_empty() { "" } else { " > " }, span.name());
            if let Some(open) = open.filter(|open| !open.fields.is_empty()) {
                let _ = write!(spans, "({})", open.fields);
            }
        }
        let metadata = event.metadata();
        process.queue().log(Record::of_event(number(*metadata.level()), metadata.target(), fields, spans));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let (Some(process), Some(span)) = (Process::find(), context.span(&id)) else { return };
        let extensions = span.extensions();
        let Some(open) = extensions.get::<Open>() else { return };
        let metadata = span.metadata();
        let record = Record::of_span(
            number(*metadata.level()),
            metadata.target(),
            span.name(),
            &open.fields,
            open.since.elapsed(),
        );
        drop(extensions);
        process.queue().log(record);
    }
}
