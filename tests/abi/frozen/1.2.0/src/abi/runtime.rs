//! The plugin's own tokio runtime, and the guards that keep a panic inside the plugin.
#![expect(unsafe_code, reason = "a leaked runtime behind an atomic pointer")]

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::task::{Context, Poll};

use async_ffi::FutureExt as _;
use tokio::runtime::{Builder, Runtime};

use super::{WireFuture, WireResult};
use crate::{Error, ErrorCode, Result};

/// A runtime and the process that started it: after a `fork` the child has its memory but none of its threads.
struct Owned {
    process: u32,
    runtime: Runtime,
}

// A pointer and not a lock: a lock that another thread held while the process forked stays held in the child for ever.
static CURRENT: AtomicPtr<Owned> = AtomicPtr::new(std::ptr::null_mut());

fn runtime() -> Result<&'static Runtime> {
    let process = std::process::id();
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: a non-null pointer came from `Box::leak` below and is never freed.
    if let Some(owned) = unsafe { current.as_ref() }
        && owned.process == process
    {
        return Ok(&owned.runtime);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("persist-plugin")
        .enable_all()
        .build()
        .map_err(|error| {
            Error::new(ErrorCode::OTHER, "cannot start the plugin's threads").with_source(error)
        })?;
    let fresh: &'static mut Owned = Box::leak(Box::new(Owned { process, runtime }));
    match CURRENT.compare_exchange(current, fresh, Ordering::AcqRel, Ordering::Acquire) {
        // Another thread was quicker, in this process. The runtime that lost stays idle: dropping one inside a
        // future, where we may be, is not allowed.
        // SAFETY: as above.
        Err(winner) if unsafe { (*winner).process } == process => Ok(&unsafe { &*winner }.runtime),
        _ => {
            let leaked: *mut Owned = fresh;
            // SAFETY: as above; leaked, so valid for ever.
            Ok(&unsafe { &*leaked }.runtime)
        }
    }
}

/// What a panic said.
fn panic_text(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a payload that is not text".to_owned());
    // The payload's own drop may panic.
    std::mem::forget(payload);
    text
}

fn panicked(operation: &str, payload: Box<dyn Any + Send>) -> Error {
    Error::new(ErrorCode::PANIC, format!("the plugin panicked in {operation}: {}", panic_text(payload)))
}

/// Runs a plain call; a panic becomes an error.
pub(super) fn guarded<T>(operation: &'static str, call: impl FnOnce() -> WireResult<T>) -> WireResult<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(payload) => WireResult::RErr(panicked(operation, payload).into()),
    }
}

/// Drops a value inside the plugin's runtime; a panic ends here.
pub(super) fn drop_guarded<T>(value: T) {
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        let _entered = runtime().ok().map(Runtime::enter);
        drop(value);
    }));
    if let Err(payload) = dropped {
        std::mem::forget(payload);
    }
}

/// A future that is polled on the host's thread, inside the plugin's runtime, and never lets a panic out.
struct Guarded<F> {
    future: Option<Pin<Box<F>>>,
    operation: &'static str,
}

impl<T, F: Future<Output = WireResult<T>>> Future for Guarded<F> {
    type Output = WireResult<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(future) = this.future.as_mut() else {
            let error =
                Error::new(ErrorCode::PANIC, format!("{} was polled after it had panicked", this.operation));
            return Poll::Ready(WireResult::RErr(error.into()));
        };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let _entered = match runtime() {
                Ok(runtime) => runtime.enter(),
                Err(error) => return Poll::Ready(WireResult::RErr(error.into())),
            };
            future.as_mut().poll(context)
        }));
        match polled {
            Ok(poll) => poll,
            Err(payload) => {
                drop_guarded(this.future.take());
                Poll::Ready(WireResult::RErr(panicked(this.operation, payload).into()))
            }
        }
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        // async-ffi aborts the process when the drop of a future panics, so none may reach it.
        if let Some(future) = self.future.take() {
            drop_guarded(future);
        }
    }
}

/// Makes a future that may cross the boundary.
pub(super) fn guarded_future<T: Send + 'static>(
    operation: &'static str,
    future: impl Future<Output = WireResult<T>> + Send + 'static,
) -> WireFuture<T> {
    Guarded { future: Some(Box::pin(future)), operation }.into_ffi()
}
