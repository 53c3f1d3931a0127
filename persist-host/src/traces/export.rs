//! The exporter: whether there is one, where it sends to and how.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as Exporter};
use tokio::runtime::Handle;

use super::setup_error;
use crate::Result;
use crate::config::{OtlpProtocol, TracesConfig};

/// Looks up an environment variable that is not empty.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables that name where spans go, the more specific one first.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The variables that name the protocol, the more specific one first.
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// Whether spans are to be sent at all.
pub(super) fn is_wanted(config: &TracesConfig, variable: Lookup<'_>) -> bool {
    let exporter = variable("OTEL_TRACES_EXPORTER");
    let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if disabled || exporter.as_deref() == Some("none") {
        return false;
    }
    config.endpoint.is_some()
        || exporter.as_deref() == Some("otlp")
        || ENDPOINTS.iter().any(|name| variable(name).is_some())
}

/// Makes the exporter. It needs to run inside a runtime.
pub(super) fn exporter(config: &TracesConfig, variable: Lookup<'_>) -> Result<SpanExporter> {
    let configured = config.endpoint.clone().map(|endpoint| ("the config", endpoint));
    let named = || ENDPOINTS.iter().find_map(|name| Some((*name, variable(name)?)));
    if let Some((origin, endpoint)) = configured.or_else(named)
        && endpoint.starts_with("https:")
    {
        // The endpoint itself may hold a password.
        let problem =
            format!("the endpoint of {origin} asks for TLS, which this release does not offer for traces");
        return Err(setup_error(problem)
            .with_hint("send them to a collector on this machine, over http, and let it forward them"));
    }
    let made = match protocol(config, variable)? {
        OtlpProtocol::Grpc => {
            let builder = SpanExporter::builder().with_tonic();
            match &config.endpoint {
                Some(endpoint) => builder.with_endpoint(endpoint).build(),
                None => builder.build(),
            }
        }
        OtlpProtocol::HttpProtobuf => {
            let builder = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
            match &config.endpoint {
                // As for the variable without a signal's name: the path is that of the standard.
                Some(endpoint) => {
                    builder.with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/'))).build()
                }
                None => builder.build(),
            }
        }
    };
    made.map_err(|error| setup_error("the exporter cannot be made").with_source(error))
}

fn protocol(config: &TracesConfig, variable: Lookup<'_>) -> Result<OtlpProtocol> {
    if let Some(protocol) = config.protocol {
        return Ok(protocol);
    }
    match PROTOCOLS.iter().find_map(|name| variable(name)) {
        None => Ok(OtlpProtocol::default()),
        Some(name) => OtlpProtocol::from_name(&name).ok_or_else(|| {
            setup_error(format_args!("there is no protocol {name:?}; expected grpc or http/protobuf"))
        }),
    }
}

/// An exporter whose work is done by a runtime: batches come from a thread that has none.
#[derive(Debug)]
pub(super) struct OnRuntime {
    exporter: Arc<SpanExporter>,
    runtime: Handle,
}

impl OnRuntime {
    pub(super) fn new(exporter: SpanExporter, runtime: Handle) -> Self {
        Self { exporter: Arc::new(exporter), runtime }
    }
}

impl Exporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = Arc::clone(&self.exporter);
        let spans = batch.len();
        let sent = match self.runtime.spawn(async move { exporter.export(batch).await }).await {
            Ok(sent) => sent,
            Err(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
        };
        sent.inspect_err(|error| {
            tracing::warn!(target: "persist::traces", spans, %error, "spans could not be sent");
        })
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(config: &TracesConfig, variables: &[(&str, &str)]) -> bool {
        is_wanted(config, &lookup(variables))
    }

    fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn spans_are_sent_where_the_config_or_a_variable_asks_for_it() {
        let none = TracesConfig::default();
        let some = TracesConfig { endpoint: Some("http://127.0.0.1:4317".to_owned()), protocol: None };
        assert!(!wanted(&none, &[]));
        assert!(wanted(&some, &[]));
        assert!(wanted(&none, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x:1")]));
        assert!(wanted(&none, &[("OTEL_TRACES_EXPORTER", "otlp")]));
        assert!(!wanted(&some, &[("OTEL_TRACES_EXPORTER", "none")]));
        assert!(!wanted(&some, &[("OTEL_SDK_DISABLED", "TRUE")]));
    }

    #[test]
    fn what_there_is_not_is_refused() {
        let config = TracesConfig { endpoint: Some("https://x:1".to_owned()), protocol: None };
        assert_eq!(exporter(&config, &lookup(&[])).unwrap_err().code(), "traces_setup");
        let json = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")];
        let error = protocol(&TracesConfig::default(), &lookup(&json)).unwrap_err();
        assert!(error.to_string().contains("http/json"), "{error}");
    }
}
