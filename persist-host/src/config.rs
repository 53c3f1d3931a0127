//! The config: where it comes from, what it may say, and what each mistake in it gets.
//!
//! Exactly one source counts, the first of: a file named explicitly, a file named by `PERSIST_CONFIG`, `persist.toml`
//! in the current directory, `persist/config.toml` in the user's config directory, built-in defaults. Sources are not
//! merged, so one file always tells the whole story.
//!
//! A file that is merely *found* in the current directory is not trusted: a cloned repository could contain one. It may
//! choose stores and their options, but nothing that makes Persist run code, talk to a host of the file's choosing or
//! read the environment.

mod defaults;
mod document;
mod error;
mod interpret;
mod model;
mod parse;
mod source;
mod telemetry;
mod trust;
mod variables;

use std::path::Path;

use crate::Result;

pub use defaults::CALL_TIMEOUT;
pub use model::{AdapterConfig, AdapterSection, Config, Location, PluginsConfig, StoreConfig};
pub use source::{ConfigSource, ConfigSources};
pub use telemetry::{LogConfig, LogFormat, OtlpProtocol, Rotation, TracesConfig};

/// Finds the config that counts and reads it.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a file that cannot be read, is not TOML (or JSON, when its name
/// ends in `.json`), holds an unknown key or a bad value, uses a variable that is not set, or says something that its
/// origin is not trusted to say. The message names file, line and key.
pub fn load(sources: &ConfigSources) -> Result<Config> {
    let source = sources.choose()?;
    match source.path() {
        Some(path) => {
            let text = source::read(path)?;
            parse_text(&text, source, &|name| std::env::var_os(name))
        }
        None => defaults::config(sources),
    }
}

/// Reads the text of a config file; `variable` looks up environment variables.
fn parse_text(text: &str, source: ConfigSource, variable: variables::Lookup<'_>) -> Result<Config> {
    let path = source.path().unwrap_or(Path::new("config"));
    let mut document = parse::parse(text, path)?;
    if source.is_restricted() {
        trust::check(&document)?;
    }
    let written = variables::expand(&mut document, variable)?;
    interpret::interpret(document, written, source)
}

#[cfg(test)]
mod tests;
