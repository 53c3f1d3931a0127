//! The plugin's half of logging: its events and spans go to the host, which has the only log.

use std::fmt::{Debug, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

use super::{HostServices_Ref, LogRecord, SpanRecord};
use crate::Request;

/// Sends this plugin's events, spans and panics to the host from now on.
pub(super) fn install(plugin: &'static str, host: HostServices_Ref) {
    let bridge = Bridge { plugin, host };
    let subscriber = Registry::default().with(bridge.with_filter(HostFilter { plugin, host }));
    // It fails only when the plugin was initialised before; then the bridge is there already.
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        return;
    }
    // Each shared library links its own standard library, so this hook is the plugin's own.
    std::panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
        tracing::error!(target: "panic", location, "the plugin panicked: {text}");
    }));
}

fn level_number(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// Asks the host before anything is formatted.
struct HostFilter {
    plugin: &'static str,
    host: HostServices_Ref,
}

impl<S> Filter<S> for HostFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        (self.host.log_enabled())(
            self.plugin.into(),
            level_number(*metadata.level()),
            metadata.target().into(),
        )
    }
}

struct Bridge {
    plugin: &'static str,
    host: HostServices_Ref,
}

/// The host's number of a span, kept with the span.
struct HostSpan(u64);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Bridge {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let parent =
            span.parent().and_then(|parent| parent.extensions().get::<HostSpan>().map(|host| host.0));
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let metadata = attributes.metadata();
        let number = (self.host.span_open())(
            self.plugin.into(),
            &SpanRecord {
                level: level_number(*metadata.level()),
                parent: parent.unwrap_or(0),
                name: metadata.name().into(),
                target: metadata.target().into(),
                fields: fields.json().as_str().into(),
            },
        );
        span.extensions_mut().insert(HostSpan(number));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event);
        let number = span.and_then(|span| span.extensions().get::<HostSpan>().map(|host| host.0));
        let mut fields = Fields::default();
        event.record(&mut fields);
        // The host adds what it knows of the operation, but not on threads of the plugin's own.
        if let Some(id) = Request::current().id {
            fields.values.insert("request_id".to_owned(), id.as_ref().into());
        }
        let metadata = event.metadata();
        (self.host.log())(
            self.plugin.into(),
            &LogRecord {
                level: level_number(*metadata.level()),
                span: number.unwrap_or(0),
                target: metadata.target().into(),
                message: fields.message.as_str().into(),
                fields: fields.json().as_str().into(),
            },
        );
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let number =
            context.span(&id).and_then(|span| span.extensions().get::<HostSpan>().map(|host| host.0));
        if let Some(number) = number {
            (self.host.span_close())(number);
        }
    }
}

/// Fields of an event or span, the message apart.
#[derive(Default)]
struct Fields {
    message: String,
    values: Map<String, Value>,
}

impl Fields {
    fn json(&self) -> String {
        serde_json::to_string(&self.values).unwrap_or_else(|_| "{}".to_owned())
    }

    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.values.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing to a `String` cannot fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.insert(field, format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.insert(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}
