//! The library's log, for Python's `logging`.
//!
//! An event becomes a record of the logger `persist_agents.…` that is named after its origin. A span becomes one when it
//! ends, at level `DEBUG`: the level that it has itself says from which level on events name it. Whoever logs only queues:
//! no thread of the library ever waits for the interpreter's lock.
//!
//! What is queued is decided by the level of the logger `persist_agents`, which is read at the begin of every call.

mod record;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Instant;

use persist_host::Result;
use persist_host::config::TracesConfig;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tracing::span::{self, Attributes, Id};
use tracing::subscriber::{Interest, set_global_default};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry, Scope};

use crate::process::Process;
use crate::traces;
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

/// Makes Python's `logging` the log of the process's copy of the library, and starts traces if they are asked for. Only the
/// first call does so. No call waits for another, which may be under way in a process that this one was forked from.
///
/// # Errors
///
/// When traces are asked for and cannot be set up. The next call tries again.
pub(crate) fn install(config: &TracesConfig) -> Result<()> {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    if IS_TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let traces = traces::start(config).inspect_err(|_| IS_TAKEN.store(false, Ordering::Relaxed))?;
    // It fails if there is a subscriber, and nobody but this function makes one.
    let _ = set_global_default(Registry::default().with(traces).with(ToPython.with_filter(Wanted)));
    Ok(())
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

/// What keeps records that are not wanted from `ToPython`, and from it alone.
struct Wanted;

impl<S> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        is_wanted(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Decided anew when the level changes.
        if is_wanted(metadata) { Interest::always() } else { Interest::never() }
    }
}

struct ToPython;

/// What is remembered of a span until it ends.
struct Open {
    since: Instant,
    fields: Fields,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ToPython {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(Open { since: Instant::now(), fields });
    }

    fn on_record(&self, id: &Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(process) = Process::find() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut spans = String::new();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let open = extensions.get::<Open>();
            let name = open.map_or(span.name(), |open| open.fields.span_name(span.name()));
            let _ = write!(spans, "{}{name}", if spans.is_empty() { "" } else { " > " });
            if let Some(open) = open.filter(|open| !open.fields.is_empty()) {
                let _ = write!(spans, "({})", open.fields);
            }
        }
        let metadata = event.metadata();
        process.queue().log(Record::of_event(number(*metadata.level()), metadata.target(), fields, spans));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if LEAST.load(Ordering::Relaxed) > DEBUG {
            return;
        }
        let (Some(process), Some(span)) = (Process::find(), context.span(&id)) else { return };
        let extensions = span.extensions();
        let Some(open) = extensions.get::<Open>() else { return };
        let level = number(*span.metadata().level()).min(DEBUG);
        let record =
            Record::of_span(level, span.metadata().target(), span.name(), &open.fields, open.since.elapsed());
        drop(extensions);
        process.queue().log(record);
    }
}
