//! The program's log, on standard error. A successful command logs nothing unless asked to.

use std::io;

use anstream::{AutoStream, ColorChoice};
use persist_host::{Error, ErrorKind, Result, env};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::args::{GlobalArgs, LogFormat};
use super::output::color_choice;

/// What is logged when nobody says.
const DEFAULT_LEVEL: &str = "warn";

/// Sets up logging for the process.
///
/// # Errors
///
/// When `PERSIST_LOG` is not a filter.
pub(crate) fn start(args: &GlobalArgs) -> Result<()> {
    let colored = !matches!(
        match color_choice(args) {
            ColorChoice::Auto => AutoStream::choice(&io::stderr()),
            choice => choice,
        },
        ColorChoice::Never
    );
    let builder =
        tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(colored).with_env_filter(filter(args)?);
    let installed = match args.log_format {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder.json().finish().try_init(),
    };
    installed
        .map_err(|error| Error::new(ErrorKind::Other, "logging", "cannot set up logging").with_source(error))
}

fn filter(args: &GlobalArgs) -> Result<EnvFilter> {
    if let Some(level) = args.log_level {
        return Ok(EnvFilter::new(level.as_str()));
    }
    let Some(directives) = env::value(env::LOG) else { return Ok(EnvFilter::new(DEFAULT_LEVEL)) };
    let directives = directives.to_string_lossy();
    EnvFilter::builder().parse(&directives).map_err(|error| {
        let message = format!("{} is {directives:?}, which is not a log filter", env::LOG);
        Error::new(ErrorKind::InvalidInput, "log_filter", message)
            .with_source(error)
            .with_hint("use a level such as debug, or pairs such as persist_host=trace,warn")
    })
}
