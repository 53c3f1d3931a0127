//! What the host offers to plugins: its log. Plugins' events and spans become the host's own `tracing` events and spans
//! with the target `persist::plugin`, so one subscriber, filter and exporter serves both.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use abi_stable::prefix_type::PrefixTypeTrait as _;
use abi_stable::std_types::RStr;
use tracing::Span;

use super::{HostServices, HostServices_Ref, LogRecord, SpanRecord};
use crate::retry;

/// Runs a macro with the level constant that `tracing` wants at compile time.
macro_rules! at_level {
    ($level:expr, $run:ident) => {
        match $level {
            1 => $run!(tracing::Level::ERROR),
            2 => $run!(tracing::Level::WARN),
            3 => $run!(tracing::Level::INFO),
            4 => $run!(tracing::Level::DEBUG),
            _ => $run!(tracing::Level::TRACE),
        }
    };
}

static SPANS: LazyLock<Mutex<HashMap<u64, Span>>> = LazyLock::new(Mutex::default);
/// The number of the level `TRACE` at the boundary.
const TRACE: u8 = 5;

static NEXT_SPAN: AtomicU64 = AtomicU64::new(1);
static ON_RETRY: OnceLock<fn(&str)> = OnceLock::new();

/// Has every retry that a plugin of this process reports told to a function, which gets the plugin's name. The first one that
/// is set stays.
pub fn on_retry(told: fn(&str)) {
    let _ = ON_RETRY.set(told);
}

fn spans() -> MutexGuard<'static, HashMap<u64, Span>> {
    SPANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While it lives, plugins' events and spans wait.
pub struct LogPaused {
    _spans: MutexGuard<'static, HashMap<u64, Span>>,
}

/// Keeps plugins from logging for the moment of a `fork`, after which the child would wait for ever for a thread that was
/// logging and that it does not have.
#[must_use]
pub fn pause_log() -> LogPaused {
    LogPaused { _spans: spans() }
}

/// A panic in the host's subscriber must not unwind into the plugin.
fn contained<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(std::mem::forget).ok()
}

extern "C" fn log_enabled(plugin: RStr<'_>, level: u8, target: RStr<'_>) -> bool {
    if target.as_str() == retry::TARGET {
        return true;
    }
    if level >= TRACE && !is_own(plugin.as_str(), target.as_str()) {
        return false;
    }
    macro_rules! enabled {
        ($level:expr) => {
            tracing::enabled!(target: "persist::plugin", $level)
        };
    }
    contained(|| at_level!(level, enabled)).unwrap_or(false)
}

/// Whether an event comes from the plugin's own crate. The libraries in it, such as HTTP clients, tell at the level `TRACE`
/// what they send, with headers and options that are nobody's business.
fn is_own(plugin: &str, target: &str) -> bool {
    target.starts_with("persist") || target.starts_with(&plugin.replace('-', "_"))
}

extern "C" fn log(plugin: RStr<'_>, record: &LogRecord<'_>) {
    let _ = contained(|| {
        if record.target.as_str() == retry::TARGET
            && let Some(told) = ON_RETRY.get()
        {
            told(plugin.as_str());
        }
        let parent = spans().get(&record.span).cloned().unwrap_or_else(Span::current);
        macro_rules! event {
            ($level:expr) => {
                tracing::event!(
                    target: "persist::plugin", parent: &parent, $level,
                    plugin = plugin.as_str(), origin = record.target.as_str(), fields = record.fields.as_str(),
                    "{}", record.message
                )
            };
        }
        at_level!(record.level, event);
    });
}

extern "C" fn span_open(plugin: RStr<'_>, record: &SpanRecord<'_>) -> u64 {
    contained(|| {
        let parent = spans().get(&record.parent).cloned().unwrap_or_else(Span::current);
        macro_rules! open {
            ($level:expr) => {
                tracing::span!(
                    target: "persist::plugin", parent: &parent, $level, "plugin",
                    otel.name = record.name.as_str(), name = record.name.as_str(), plugin = plugin.as_str(), origin = record.target.as_str(),
                    fields = record.fields.as_str()
                )
            };
        }
        let span = at_level!(record.level, open);
        let number = NEXT_SPAN.fetch_add(1, Ordering::Relaxed);
        spans().insert(number, span);
        number
    })
    .unwrap_or(0)
}

extern "C" fn span_close(span: u64) {
    let _ = contained(|| {
        // Outside the lock: closing a span runs the subscriber.
        let closed = spans().remove(&span);
        drop(closed);
    });
}

/// The services, made once and never freed: plugins keep the pointer.
pub(super) fn services() -> HostServices_Ref {
    static SERVICES: LazyLock<HostServices_Ref> =
        LazyLock::new(|| HostServices { log_enabled, log, span_open, span_close }.leak_into_prefix());
    *SERVICES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_in_a_plugin_do_not_tell_what_they_send() {
        assert!(is_own("persist-storage-s3", "persist_storage_s3::write"));
        assert!(is_own("acme-vault", "acme_vault"));
        assert!(!is_own("persist-storage-s3", "aws_sigv4::http_request::sign"));
        assert!(!is_own("acme-vault", "hyper::client"));
        assert!(!log_enabled("acme-vault".into(), TRACE, "hyper::client".into()));
    }
}
