//! The program's log and its traces. A successful command logs nothing unless asked to.

use std::io;

use anstream::{AutoStream, ColorChoice};
use persist_host::config::{LogConfig, LogFormat as Format, Rotation};
#[cfg(feature = "otlp")]
use persist_host::traces::Traces;
use persist_host::{Config, Error, ErrorKind, Result, env};
use tracing_appender::rolling;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::Filter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use super::args::{GlobalArgs, LogFormat};
use super::output::color_choice;

/// What is logged when nobody says.
const DEFAULT_LEVEL: &str = "warn";

/// What has to be ended with the command: spans that have not been sent.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    #[cfg(feature = "otlp")]
    _traces: Option<Traces>,
}

/// Sets up logging for the process, and traces where they are asked for. Flags count before variables, and those before
/// the config, if there is one that can be read.
///
/// # Errors
///
/// When a filter cannot be understood, the log file cannot be opened, or traces cannot be sent as they should be.
pub(crate) fn start(args: &GlobalArgs, config: Option<&Config>) -> Result<Telemetry> {
    let log = settings(args, config);
    let filter = filter(args, &log)?.or(operations());
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(log.file.is_none() && is_colored(args))
        .with_writer(writer(&log)?);
    layers.push(match log.format {
        Format::Text => lines.with_filter(filter).boxed(),
        // The innermost span is the last of all spans, which are there anyway.
        Format::Json => lines.json().with_current_span(false).with_filter(filter).boxed(),
    });
    let telemetry = traces(config, &mut layers)?;
    Registry::default().with(layers).try_init().map_err(|error| {
        Error::new(ErrorKind::Other, "logging", "cannot set up logging").with_source(error)
    })?;
    Ok(telemetry)
}

#[cfg(feature = "otlp")]
fn traces(
    config: Option<&Config>,
    layers: &mut Vec<Box<dyn Layer<Registry> + Send + Sync>>,
) -> Result<Telemetry> {
    let config = config.map(|config| config.traces.clone()).unwrap_or_default();
    let traces = Traces::start(&config)?;
    layers.extend(traces.as_ref().map(|traces| traces.layer().boxed()));
    Ok(Telemetry { _traces: traces })
}

#[cfg(not(feature = "otlp"))]
fn traces(config: Option<&Config>, _: &mut Vec<Box<dyn Layer<Registry> + Send + Sync>>) -> Result<Telemetry> {
    if config.is_some_and(|config| config.traces.endpoint.is_some()) {
        let message = "the config asks for traces, and this program was built without them";
        return Err(Error::new(ErrorKind::InvalidInput, "traces_setup", message)
            .with_hint("build it with the feature otlp, or remove the table traces"));
    }
    Ok(Telemetry::default())
}

/// What counts of flags and config.
fn settings(args: &GlobalArgs, config: Option<&Config>) -> LogConfig {
    let mut log = config.map(|config| config.log.clone()).unwrap_or_default();
    if let Some(format) = args.log_format {
        log.format = match format {
            LogFormat::Text => Format::Text,
            LogFormat::Json => Format::Json,
        };
    }
    if args.log_file.is_some() {
        log.file.clone_from(&args.log_file);
    }
    log
}

fn is_colored(args: &GlobalArgs) -> bool {
    let choice = match color_choice(args) {
        ColorChoice::Auto => AutoStream::choice(&io::stderr()),
        choice => choice,
    };
    !matches!(choice, ColorChoice::Never)
}

/// Where lines go. A file is written without delay, so that nothing is lost when the process ends.
fn writer(log: &LogConfig) -> Result<BoxMakeWriter> {
    let Some(file) = &log.file else { return Ok(BoxMakeWriter::new(io::stderr)) };
    let failed = |problem: String| {
        Error::new(ErrorKind::Other, "log_file", format!("cannot log to {}", file.display()))
            .with_context("file", file.display())
            .with_source(io::Error::other(problem))
            .with_hint("name a file in a directory that you may write to, with --log-file or log.file")
    };
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| failed("its name is not text".to_owned()))?;
    let rotation = match log.rotation {
        Rotation::Never => rolling::Rotation::NEVER,
        Rotation::Hourly => rolling::Rotation::HOURLY,
        Rotation::Daily => rolling::Rotation::DAILY,
    };
    let mut builder = rolling::Builder::new().rotation(rotation).filename_prefix(name);
    if let Some(keep) = log.keep.filter(|_| log.rotation != Rotation::Never) {
        builder = builder.max_log_files(usize::try_from(keep).unwrap_or(usize::MAX));
    }
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(std::path::Path::new("."));
    let appender = builder.build(directory).map_err(|error| {
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        failed(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
    })?;
    Ok(BoxMakeWriter::new(appender))
}

/// The spans of operations, which name the request on every line within them. They write no lines by themselves.
fn operations() -> impl Filter<Registry> + Send + Sync + 'static {
    filter_fn(|metadata| metadata.is_span() && metadata.target() == "persist::operation")
}

fn filter(args: &GlobalArgs, log: &LogConfig) -> Result<EnvFilter> {
    if let Some(level) = args.log_level {
        return Ok(EnvFilter::new(level.as_str()));
    }
    let (place, directives) = match (env::value(env::LOG), &log.filter) {
        (Some(value), _) => (env::LOG, value.to_string_lossy().into_owned()),
        (None, Some(filter)) => ("log.filter in the config", filter.clone()),
        (None, None) => return Ok(EnvFilter::new(DEFAULT_LEVEL)),
    };
    EnvFilter::builder().parse(&directives).map_err(|error| {
        let message = format!("{place} is {directives:?}, which is not a log filter");
        Error::new(ErrorKind::InvalidInput, "log_filter", message)
            .with_source(error)
            .with_hint("use a level such as debug, or pairs such as persist::storage=debug,warn")
    })
}
