//! How an operation's place in a distributed trace reaches its spans, and how theirs reaches plugins.
//!
//! What makes traces of spans is not known here. It registers itself, for the process, as `tracing` subscribers do.

use std::sync::OnceLock;

use persist_plugin_api::Request;
use tracing::Span;

static PROPAGATION: OnceLock<Propagation> = OnceLock::new();

/// What knows the traces that spans belong to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Propagation {
    /// Makes a span, which has not been entered yet, a part of the trace that a `traceparent` names.
    pub(crate) adopt: fn(&Span, &str),
    /// The `traceparent` that names a span, if it belongs to a trace.
    pub(crate) traceparent: fn(&Span) -> Option<String>,
}

/// Registers it. The first one stays.
#[cfg(feature = "otlp")]
pub(crate) fn register(propagation: Propagation) {
    let _ = PROPAGATION.set(propagation);
}

/// Makes the span of an operation a part of the trace that its caller named.
pub(crate) fn adopt(span: &Span, request: &Request) {
    if let (Some(propagation), Some(traceparent)) = (PROPAGATION.get(), &request.traceparent) {
        (propagation.adopt)(span, traceparent);
    }
}

/// The request that runs, at the place in the trace that a span has; `None` if that place has no name of its own.
pub(crate) fn request_within(span: &Span) -> Option<Request> {
    let traceparent = (PROPAGATION.get()?.traceparent)(span)?;
    Some(Request::current().with_traceparent(traceparent))
}
