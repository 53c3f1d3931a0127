//! How long one call of a plugin may take.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use persist_plugin_api::{BoxFuture, Error, ErrorCode, Result};

use super::drops::drop_apart;

/// The limit of the calls of one adapter.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    adapter: String,
    limit: Duration,
}

impl Limit {
    /// `adapter` is what messages call it.
    pub(crate) fn new(adapter: &str, limit: Duration) -> Self {
        Self { adapter: adapter.to_owned(), limit }
    }

    /// Waits for a call for no longer than the limit, then gives it up. The error leaves open whether a write was applied:
    /// one that has reached the backend, or a thread of the plugin's, goes on without its future.
    pub(crate) async fn call<T: 'static>(
        &self,
        operation: impl FnOnce() -> String,
        call: BoxFuture<'static, T>,
    ) -> Result<T> {
        tokio::time::timeout(self.limit, Call(Some(call))).await.map_err(|_| {
            let (adapter, operation, seconds) = (&self.adapter, operation(), self.limit.as_secs_f64());
            let message = format!(
                "{adapter} did not answer {operation} within {seconds} s, the call_timeout of its store"
            );
            Error::new(ErrorCode::TIMEOUT, message).retryable(true)
        })
    }
}

/// A call that blocks nobody when it is given up: its future is then dropped on a thread of its own.
struct Call<T: 'static>(Option<BoxFuture<'static, T>>);

impl<T> Future for Call<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(call) = &mut self.0 else { return Poll::Pending };
        let answer = call.as_mut().poll(context);
        if answer.is_ready() {
            self.0 = None;
        }
        answer
    }
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            drop(drop_apart(call));
        }
    }
}
