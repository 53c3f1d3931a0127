//! Traces by OpenTelemetry, sent over OTLP by gRPC or HTTP.
//!
//! An operation of a store is one trace, or a part of its caller's: its steps, each call of the storage adapter, and what
//! the plugin does within that call are spans of it. Spans are made with `tracing`, and a program that embeds Persist adds
//! [`Traces::layer`] to its own subscriber:
//!
//! ```no_run
//! use persist_host::config::TracesConfig;
//! use persist_host::traces::Traces;
//! use tracing_subscriber::layer::SubscriberExt as _;
//! use tracing_subscriber::util::SubscriberInitExt as _;
//!
//! # fn main() -> persist_host::Result<()> {
//! if let Some(traces) = Traces::start(&TracesConfig::default())? {
//!     tracing_subscriber::registry().with(traces.layer()).init();
//!     // … and, before the program ends:
//!     traces.finish();
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The caller's place in a trace comes with [`Request::with_traceparent`](crate::Request::with_traceparent).

mod export;
mod propagate;

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::{Builder, Runtime};
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::TracesConfig;
use crate::{Error, ErrorKind, Result, env};
use export::OnRuntime;

/// The name that traces carry when no variable gives another.
const SERVICE: &str = "persist";

/// How long the end of a program waits for spans to be sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// An exporter that runs, on threads of its own.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    runtime: Option<Runtime>,
}

impl Traces {
    /// Starts an exporter if the config names an endpoint, or the standard variables do: `OTEL_EXPORTER_OTLP_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or `OTEL_TRACES_EXPORTER=otlp` for the default one. `OTEL_SDK_DISABLED=true`
    /// and `OTEL_TRACES_EXPORTER=none` keep it from starting. Nothing is sent yet, so that a collector need not be there.
    ///
    /// # Errors
    ///
    /// `traces_setup`, for an endpoint that is no URL, one that needs TLS, or a protocol that there is not.
    pub fn start(config: &TracesConfig) -> Result<Option<Self>> {
        if !export::is_wanted(config, &env_text) {
            return Ok(None);
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("persist-traces")
            .enable_all()
            .build()
            .map_err(|error| setup_error("its thread cannot be started").with_source(error))?;
        let entered = runtime.enter();
        let exporter = export::exporter(config, &env_text);
        drop(entered);
        let exporter = match exporter {
            Ok(exporter) => OnRuntime::new(exporter, runtime.handle().clone()),
            Err(error) => {
                // The caller may run on another runtime, where dropping one panics.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        propagate::register();
        Ok(Some(Self { provider, runtime: Some(runtime) }))
    }

    /// What makes traces of Persist's spans. Those of other crates are left out.
    #[must_use]
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("persist"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        // Not the spans of the exporter's own libraries: each batch sent would make the next one.
        let targets = [("persist", LevelFilter::DEBUG), ("persist::traces", LevelFilter::OFF)];
        layer.with_filter(Targets::new().with_targets(targets))
    }

    /// Sends what has not been sent, for at most five seconds, and ends.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(target: "persist::traces", %error, "the last spans were not sent");
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn resource() -> Resource {
    let named = env_text("OTEL_SERVICE_NAME").is_some()
        || env_text("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|text| text.contains("service.name="));
    let builder = Resource::builder();
    if named { builder.build() } else { builder.with_service_name(SERVICE).build() }
}

fn env_text(name: &str) -> Option<String> {
    env::value(name).map(|value| value.to_string_lossy().into_owned())
}

fn setup_error(problem: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidInput, "traces_setup", format!("cannot send traces: {problem}"))
        .with_hint("correct the table traces of the config, or the OTEL_ variables; docs/traces.md has them")
}
