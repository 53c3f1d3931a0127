//! What the SDK's retries hide: how many attempts were made, and whether any of them may have had an effect.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use aws_sdk_s3::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// Watches the attempts of one write, which may take several requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    made: AtomicU32,
    /// An attempt is under way, or was when its request was given up.
    in_flight: AtomicBool,
    /// An attempt ended without a refusal that proves that nothing was done.
    unclear: AtomicBool,
}

impl Attempts {
    /// How many attempts were sent.
    pub(crate) fn made(&self) -> u32 {
        self.0.made.load(Ordering::Relaxed)
    }

    /// Whether the service may have done, or may yet do, what an attempt asked for.
    pub(crate) fn may_have_applied(&self) -> bool {
        self.0.unclear.load(Ordering::Relaxed) || self.0.in_flight.load(Ordering::Relaxed)
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.made.fetch_add(1, Ordering::Relaxed);
        self.0.in_flight.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.in_flight.swap(false, Ordering::Relaxed) && !certainly_refused(context) {
            self.0.unclear.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn certainly_refused(context: &FinalizerInterceptorContextRef<'_>) -> bool {
    if let Some(response) = context.response() {
        // An answer in the 500s may come from a gateway in front of a service that went on with its work.
        return (400..500).contains(&response.status().as_u16());
    }
    match context.output_or_error() {
        Some(Err(error)) => error.as_connector_error().is_some_and(|error| never_connected(error)),
        _ => false,
    }
}

/// Whether an error proves that no connection came about. TCP reports a refused connection only while connecting.
pub(crate) fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
}

/// An error and its causes.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| StdError::source(*error))
}
