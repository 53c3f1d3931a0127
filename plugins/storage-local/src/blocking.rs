//! File system calls off the asynchronous threads.

use std::panic::resume_unwind;

use persist_plugin_api::{Error, ErrorCode, Request, Result};
use tracing::Span;

/// Runs a call on a blocking thread. It runs to its end even if the future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (request, span) = (Request::current(), Span::current());
    match tokio::task::spawn_blocking(move || span.in_scope(|| request.within(call))).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => {
                let message = "the call was given up because the runtime shuts down";
                Err(Error::new(ErrorCode::CANCELLED, message).with_source(error))
            }
        },
    }
}
