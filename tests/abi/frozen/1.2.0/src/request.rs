//! Who asked: what accompanies an operation from its caller into the plugins.

use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static CURRENT: Request;
}

/// The request that a call belongs to. It is for logs and traces alone, and no call means anything else by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The request's id, by which logs, traces and the audit trail name it.
    pub id: Option<Arc<str>>,
    /// The place of the call in a distributed trace: a `traceparent` of
    /// [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header).
    pub traceparent: Option<Arc<str>>,
}

impl Request {
    /// A request with an id.
    #[must_use]
    pub fn with_id(id: impl Into<Arc<str>>) -> Self {
        Self { id: Some(id.into()), traceparent: None }
    }

    /// The same, as a part of a trace.
    #[must_use]
    pub fn with_traceparent(mut self, traceparent: impl Into<Arc<str>>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }

    /// The request that the running future belongs to: the one of the innermost [`scope`](Self::scope) around it. In a
    /// plugin, it is the host's during each storage call, but not in tasks that the call spawns. Outside it is empty.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Runs a future as a part of this request.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Runs a function as a part of this request, for example one that polls a stream.
    pub fn within<T>(self, run: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_scope_counts() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let seen = runtime.block_on(Request::with_id("outer").scope(async {
            let inner = Request::with_id("inner").with_traceparent("00-a-b-01");
            (inner.scope(async { Request::current() }).await, Request::current())
        }));
        assert_eq!(seen.0, Request { id: Some("inner".into()), traceparent: Some("00-a-b-01".into()) });
        assert_eq!(seen.1, Request::with_id("outer"));
        assert_eq!(Request::current(), Request::default());
    }
}
