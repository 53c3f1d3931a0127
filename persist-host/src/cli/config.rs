//! `persist config`.

mod mask;

use std::sync::Arc;

use persist_host::audit::Recorded;
use persist_host::config::{AdapterConfig, AdapterSection, Config, ConfigSource, LogConfig};
use persist_host::{Error, ErrorKind, Plugins, StoreUse, TrustedKey, open_compression, open_store};
use serde_json::{Map, Value, json};

use super::args::ConfigCommand;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::plain;
use mask::{masked, masked_text};

pub(crate) async fn run(command: ConfigCommand, context: &Context) -> Outcome {
    match command {
        ConfigCommand::Show => show(context),
        ConfigCommand::Check => check(context).await,
    }
}

fn show(context: &Context) -> Outcome {
    let config = context.config()?;
    let output = context.output();
    let effective = effective(config);
    if output.is_json() {
        let file = config.source.path().map(|path| path.to_string_lossy().into_owned());
        let mut object = json!({ "source": { "kind": config.source.name(), "file": file } });
        if let (Value::Object(object), Value::Object(effective)) = (&mut object, effective) {
            object.extend(effective);
        }
        output.object(&object)?;
        return Ok(Exit::Done);
    }
    let text = toml::to_string(&effective).map_err(|error| {
        Error::new(ErrorKind::Other, "output_failed", "cannot write the config as TOML").with_source(error)
    })?;
    output.line(&format!("# {}", plain(&origin(&config.source))))?;
    output.line(text.trim_end())?;
    Ok(Exit::Done)
}

/// The config as its own syntax would write it, with what it leaves to defaults filled in.
fn effective(config: &Config) -> Value {
    let stores: Map<String, Value> = config
        .stores
        .iter()
        .map(|(name, store)| {
            let compression = store.compression.as_ref().map_or_else(
                || json!({ "adapter": "none" }),
                |adapter| section(config, name, AdapterSection::Compression, adapter),
            );
            let rules = &store.retention;
            let mut store = json!({
                "storage": section(config, name, AdapterSection::Storage, &store.storage),
                "compression": compression,
                "call_timeout": store.call_timeout.map_or(0, |limit| limit.as_secs()),
                "single_writer": store.single_writer,
                "layout": store.tuning,
            });
            if !rules.is_empty() {
                store["retention"] = json!(rules);
            }
            (name.clone(), store)
        })
        .collect();
    let path: Vec<_> = config.plugins.path.iter().map(|path| path.to_string_lossy()).collect();
    let keys: Vec<_> = config.plugins.trusted_keys.iter().map(TrustedKey::as_str).collect();
    let plugins = json!({ "path": path, "require_lock": config.plugins.require_lock, "trusted_keys": keys });
    let mut effective = json!({ "stores": stores, "plugins": plugins });
    if let Some(audit) = &config.audit {
        effective["audit"] = json!({
            "file": audit.file.to_string_lossy(),
            "operations": match audit.recorded {
                Recorded::All => "all",
                Recorded::Changes => "changes",
            },
            "sync": audit.sync,
        });
        if let Some(principal) = &audit.principal {
            effective["audit"]["principal"] = json!(principal);
        }
    }
    if let Some(listen) = config.metrics.listen {
        effective["metrics"] =
            json!({ "listen": listen.to_string(), "allow_remote": !listen.ip().is_loopback() });
    }
    if config.log != LogConfig::default() {
        effective["log"] = log(&config.log);
    }
    if let Some(endpoint) = &config.traces.endpoint {
        let protocol = config.traces.protocol.unwrap_or_default();
        effective["traces"] = json!({ "endpoint": masked_text(endpoint), "protocol": protocol.name() });
    }
    // TOML has no null: a default that is not there is left out.
    if let Some(default) = &config.default {
        effective["default"] = json!(default);
    }
    effective
}

fn log(config: &LogConfig) -> Value {
    let mut table = json!({ "format": config.format.name(), "rotation": config.rotation.name() });
    if let Some(file) = &config.file {
        table["file"] = json!(file.to_string_lossy());
    }
    if let Some(filter) = &config.filter {
        table["filter"] = json!(filter);
    }
    if let Some(keep) = config.keep {
        table["keep"] = json!(keep);
    }
    table
}

/// An adapter's section, with secrets masked and what came from the environment as it was written.
fn section(config: &Config, store: &str, section: AdapterSection, adapter: &AdapterConfig) -> Value {
    let mut table = Map::from_iter([("adapter".to_owned(), json!(adapter.adapter))]);
    let written = config.options_as_written(store, section, &adapter.options);
    if let Value::Object(options) = masked(&Value::Object(written)) {
        table.extend(options);
    }
    Value::Object(table)
}

fn origin(source: &ConfigSource) -> String {
    let Some(path) = source.path() else { return "built-in: there is no config file".to_owned() };
    let why = match source {
        ConfigSource::Explicit(_) => "named by --config",
        ConfigSource::Variable(_) => "named by PERSIST_CONFIG",
        ConfigSource::CurrentDirectory(_) => "found in the current directory, restricted",
        _ => "the user's config file",
    };
    format!("{} ({why})", path.display())
}

/// Opens every adapter that the config names. Opening writes nothing, so a missing bucket shows only in use.
async fn check(context: &Context) -> Outcome {
    let config = context.config()?;
    let output = context.output();
    let plugins = Arc::new(Plugins::discover(&context.search_path(config)));
    let mut rows = Vec::new();
    for (name, store) in &config.stores {
        open_store(config, Some(name), &plugins, StoreUse::Keep).await?;
        open_compression(config, Some(name), &plugins)?;
        let codec = store.compression.as_ref().map(|compression| compression.adapter.clone());
        rows.push(json!({ "store": name, "storage": store.storage.adapter, "codec": codec }));
    }
    // Says which store counts, or why none does.
    let (default, _) = config.store(context.store_name().as_deref())?;
    if output.is_json() {
        output.object(&json!({ "source": config.source.name(), "default": default, "stores": rows }))?;
    } else if !output.is_quiet() {
        output.line(&plain(&origin(&config.source)))?;
        for row in &rows {
            let text = |key: &str| row[key].as_str().unwrap_or("none").to_owned();
            let used = if text("store") == default { "  (used by default)" } else { "" };
            let line =
                format!("  {}: {}, compressed with {}{used}", text("store"), text("storage"), text("codec"));
            output.line(&plain(&line))?;
        }
        output.line("every adapter was found and accepts its options")?;
    }
    Ok(Exit::Done)
}
