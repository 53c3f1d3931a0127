//! A storage adapter around another that tells of every call.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use persist_plugin_api::{
    BoxFuture, Capabilities, DynStorage, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result,
};
use tracing::Instrument as _;

use super::{Observer, StorageCall, propagation};

/// The adapter. Where nobody watches, calls go straight to the one inside.
pub(crate) struct Watched {
    inner: Arc<dyn DynStorage>,
    adapter: Arc<str>,
    observers: Arc<[Arc<dyn Observer>]>,
}

impl Watched {
    pub(crate) fn new(
        inner: Arc<dyn DynStorage>,
        adapter: Arc<str>,
        observers: Arc<[Arc<dyn Observer>]>,
    ) -> Self {
        Self { inner, adapter, observers }
    }

    /// Watches one call. `sent` is how many bytes of an object it sends, `received` counts those in the answer.
    fn call<'a, T: Send + 'a>(
        &'a self,
        method: &'static str,
        key: &str,
        sent: u64,
        received: fn(&T) -> u64,
        future: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        let span = tracing::debug_span!(
            target: "persist::storage", "storage_call",
            otel.name = method, otel.status_code = tracing::field::Empty,
            adapter = &*self.adapter, method, key, bytes = tracing::field::Empty
        );
        if self.observers.is_empty() && span.is_disabled() {
            return future;
        }
        let request = propagation::request_within(&span);
        // The span itself, not the one that is entered: where this one is disabled, that is the operation's.
        let call_span = span.clone();
        let mut ended = Ended { watched: self, method, bytes: sent, started: Instant::now(), told: false };
        let watched = async move {
            let result = match request {
                Some(request) => request.scope(future).await,
                None => future.await,
            };
            ended.bytes += result.as_ref().map_or(0, received);
            call_span.record("bytes", ended.bytes);
            if let Err(error) = &result {
                // Nothing found, or something in the way, is an answer like any other.
                if !matches!(error.code(), ErrorCode::NOT_FOUND | ErrorCode::ALREADY_EXISTS) {
                    call_span.record("otel.status_code", "ERROR");
                }
                tracing::debug!(target: "persist::storage", code = error.code().name(), error = %error, "the call failed");
            }
            ended.tell(result.as_ref().err(), false);
            result
        };
        Box::pin(watched.instrument(span))
    }
}

/// Tells of a call once, even if it is dropped.
struct Ended<'a> {
    watched: &'a Watched,
    method: &'static str,
    bytes: u64,
    started: Instant,
    told: bool,
}

impl Ended<'_> {
    fn tell(&mut self, error: Option<&Error>, cancelled: bool) {
        self.told = true;
        let call = StorageCall {
            adapter: &self.watched.adapter,
            method: self.method,
            bytes: self.bytes,
            error,
            cancelled,
            elapsed: self.started.elapsed(),
        };
        for observer in &*self.watched.observers {
            observer.storage_call(&call);
        }
    }
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.tell(None, true);
        }
    }
}

fn nothing<T>(_: &T) -> u64 {
    0
}

fn length(bytes: &Bytes) -> u64 {
    bytes.len() as u64
}

impl DynStorage for Watched {
    fn capabilities<'a>(&'a self) -> BoxFuture<'a, Result<Capabilities>> {
        self.call("capabilities", "", 0, nothing, self.inner.capabilities())
    }

    fn save<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        self.call("save", key, length(&data), nothing, self.inner.save(key, data))
    }

    fn save_if_absent<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        self.call("save_if_absent", key, length(&data), nothing, self.inner.save_if_absent(key, data))
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Bytes>> {
        self.call("load", key, 0, length, self.inner.load(key))
    }

    fn load_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        self.call("load_range", key, 0, length, self.inner.load_range(key, range))
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        self.call("exists", key, 0, nothing, self.inner.exists(key))
    }

    fn stat<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<ObjectMeta>> {
        self.call("stat", key, 0, nothing, self.inner.stat(key))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        self.call("delete", key, 0, nothing, self.inner.delete(key))
    }

    fn list<'a>(&'a self, request: ListRequest) -> BoxFuture<'a, Result<ListPage>> {
        // The span has to be made before the request goes.
        let prefix = request.prefix.clone();
        self.call("list", &prefix, 0, nothing, self.inner.list(request))
    }
}
