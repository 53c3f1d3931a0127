//! What a config says of logs and traces.

use std::path::Path;

use super::Table;
use crate::Result;
use crate::config::error::bad_value;
use crate::config::telemetry::{LogConfig, LogFormat, OtlpProtocol, Rotation, TracesConfig};

/// Reads the table `log`. Whether the filter can be understood is for the command to say.
///
/// # Errors
///
/// For an unknown key and for a value that is not allowed.
pub(super) fn log(table: &Table<'_>) -> Result<LogConfig> {
    table.allow(&["file", "filter", "format", "keep", "rotation"])?;
    let base = table.document.file.parent().unwrap_or(Path::new(""));
    let file = match table.text("file")? {
        Some(file) if file.is_empty() => return Err(refused(table, "file", "is empty; it must name a file")),
        file => file.map(|file| base.join(file)),
    };
    let formats = [LogFormat::Text, LogFormat::Json];
    let format = choice(table, "format", &formats.map(|it| (it.name(), it)))?.unwrap_or_default();
    let rotations = [Rotation::Never, Rotation::Hourly, Rotation::Daily];
    let rotation = choice(table, "rotation", &rotations.map(|it| (it.name(), it)))?.unwrap_or_default();
    let keep = table.number("keep", 1..=1_000_000)?;
    let filter = table.text("filter")?.filter(|filter| !filter.is_empty());
    Ok(LogConfig { file, filter, format, rotation, keep })
}

/// Reads the table `traces`.
///
/// # Errors
///
/// For an unknown key and for a value that is not allowed.
pub(super) fn traces(table: &Table<'_>) -> Result<TracesConfig> {
    table.allow(&["endpoint", "protocol"])?;
    let endpoint = table.text("endpoint")?;
    if let Some(endpoint) = &endpoint
        && !endpoint.starts_with("http://")
    {
        // It may hold a password.
        let problem = "does not begin with http://; expected a URL such as \"http://127.0.0.1:4318\"";
        return Err(refused(table, "endpoint", problem));
    }
    let protocols = [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf];
    let protocol = choice(table, "protocol", &protocols.map(|it| (it.name(), it)))?;
    Ok(TracesConfig { endpoint, protocol })
}

/// One of several words.
fn choice<T: Copy>(table: &Table<'_>, key: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
    let Some(text) = table.text(key)? else { return Ok(None) };
    if let Some((_, found)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(Some(*found));
    }
    let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
    Err(refused(table, key, &format!("is {text:?}; expected one of {}", names.join(", "))))
}

fn refused(table: &Table<'_>, key: &str, problem: &str) -> crate::Error {
    bad_value(table.document, &table.path_of(key), problem)
}
