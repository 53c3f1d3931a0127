//! Between spans and `traceparent` headers.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::observe::propagation::{self, Propagation};

const TRACEPARENT: &str = "traceparent";

/// Has operations continue the traces of their callers, and plugins told where in a trace they are.
pub(super) fn register() {
    propagation::register(Propagation { adopt, traceparent });
}

fn adopt(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if !context.span().span_context().is_valid() {
        tracing::debug!(target: "persist::traces", "the caller's traceparent is none; a new trace begins");
    } else if let Err(error) = span.set_parent(context) {
        tracing::debug!(target: "persist::traces", %error, "the caller's trace is not continued");
    }
}

fn traceparent(span: &Span) -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}
