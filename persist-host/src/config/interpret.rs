//! From a document to a checked [`Config`].

mod audit;
mod layout;
mod metrics;
mod plugins;
mod retention;
mod telemetry;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use super::defaults;
use super::document::{Document, child, kind_of};
use super::error::{bad_value, missing_key, unknown_key};
use super::model::{AdapterConfig, Config, PluginsConfig, StoreConfig};
use super::source::ConfigSource;
use crate::retention::KeepRules;
use crate::{Result, Tuning};

/// The adapter name that switches compression off.
const NO_COMPRESSION: &str = "none";

/// What a time limit in seconds may be.
const SECONDS: RangeInclusive<u64> = 0..=1_000_000;

/// Checks every key and value, apart from adapters' options.
///
/// # Errors
///
/// For the first key that is unknown or missing and the first value that is not allowed.
pub(super) fn interpret(
    document: Document,
    written: BTreeMap<String, String>,
    source: ConfigSource,
) -> Result<Config> {
    let top = Table { document: &document, path: String::new(), entries: &document.root };
    top.allow(&["audit", "default", "log", "metrics", "plugins", "stores", "traces"])?;
    let stores = match top.table("stores")? {
        Some(table) => stores(&table)?,
        None => BTreeMap::new(),
    };
    let default = match top.text("default")? {
        Some(name) if stores.contains_key(&name) => Some(name),
        Some(name) => {
            let known = stores.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let problem = format!("is {name:?}, which is not one of the stores: {known}");
            return Err(bad_value(&document, "default", &problem));
        }
        // One store needs no choice.
        None if stores.len() == 1 => stores.keys().next().cloned(),
        None => None,
    };
    let plugins = match top.table("plugins")? {
        Some(table) => plugins::plugins(&table)?,
        None => PluginsConfig::default(),
    };
    let audit = top.table("audit")?.map(|table| audit::audit(&table)).transpose()?;
    let metrics =
        top.table("metrics")?.map(|table| metrics::metrics(&table)).transpose()?.unwrap_or_default();
    let log = top.table("log")?.map(|table| telemetry::log(&table)).transpose()?.unwrap_or_default();
    let traces = top.table("traces")?.map(|table| telemetry::traces(&table)).transpose()?.unwrap_or_default();
    Ok(Config {
        default,
        stores,
        plugins,
        audit,
        metrics,
        log,
        traces,
        source,
        lines: document.lines,
        written,
    })
}

fn stores(table: &Table<'_>) -> Result<BTreeMap<String, StoreConfig>> {
    let mut stores = BTreeMap::new();
    for name in table.entries.keys() {
        if name.is_empty() || name.chars().any(char::is_control) {
            let problem = "is not a name for a store: it is empty or holds control characters";
            return Err(bad_value(table.document, &table.path_of(name), problem));
        }
        if let Some(entries) = table.table(name)? {
            stores.insert(name.clone(), store(&entries)?);
        }
    }
    Ok(stores)
}

fn store(table: &Table<'_>) -> Result<StoreConfig> {
    table.allow(&["call_timeout", "compression", "layout", "retention", "single_writer", "storage"])?;
    let storage = table.table("storage")?.ok_or_else(|| {
        missing_key(
            table.document,
            &table.path,
            "storage",
            r#"storage = { adapter = "local", root = "/var/lib/persist" }"#,
        )
    })?;
    let compression = match table.table("compression")? {
        None => Some(defaults::compression()),
        Some(table) => {
            let compression = adapter(&table)?;
            if compression.adapter == NO_COMPRESSION {
                table.allow(&["adapter"])?;
                None
            } else {
                Some(compression)
            }
        }
    };
    let single_writer = table.boolean("single_writer")?.unwrap_or(false);
    let retention = match table.table("retention")? {
        Some(table) => retention::rules(&table)?,
        None => KeepRules::default(),
    };
    let tuning = match table.table("layout")? {
        Some(table) => layout::tuning(&table)?,
        None => Tuning::default(),
    };
    let call_timeout = match table.number("call_timeout", SECONDS)? {
        None => Some(defaults::CALL_TIMEOUT),
        Some(0) => None,
        Some(seconds) => Some(Duration::from_secs(seconds)),
    };
    let storage = adapter(&storage)?;
    Ok(StoreConfig { storage, compression, call_timeout, single_writer, retention, tuning })
}

fn adapter(table: &Table<'_>) -> Result<AdapterConfig> {
    let adapter = table
        .text("adapter")?
        .ok_or_else(|| missing_key(table.document, &table.path, "adapter", r#"adapter = "local""#))?;
    if adapter.is_empty() {
        return Err(bad_value(
            table.document,
            &table.path_of("adapter"),
            "is empty; it must name an adapter",
        ));
    }
    let options = table.entries.iter().filter(|(key, _)| *key != "adapter");
    Ok(AdapterConfig { adapter, options: options.map(|(key, value)| (key.clone(), value.clone())).collect() })
}

/// A table of the document and where it is.
struct Table<'a> {
    document: &'a Document,
    path: String,
    entries: &'a Map<String, Value>,
}

impl<'a> Table<'a> {
    fn path_of(&self, key: &str) -> String {
        child(&self.path, key)
    }

    fn allow(&self, allowed: &[&str]) -> Result<()> {
        match self.entries.keys().find(|key| !allowed.contains(&key.as_str())) {
            Some(key) => Err(unknown_key(self.document, &self.path_of(key), allowed)),
            None => Ok(()),
        }
    }

    fn table(&self, key: &str) -> Result<Option<Table<'a>>> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(Value::Object(entries)) => {
                Ok(Some(Table { document: self.document, path: self.path_of(key), entries }))
            }
            Some(other) => Err(self.mismatch(key, "a table", other)),
        }
    }

    fn text(&self, key: &str) -> Result<Option<String>> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.mismatch(key, "a string", other)),
        }
    }

    fn boolean(&self, key: &str) -> Result<Option<bool>> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.mismatch(key, "true or false", other)),
        }
    }

    fn number(&self, key: &str, allowed: RangeInclusive<u64>) -> Result<Option<u64>> {
        let Some(value) = self.entries.get(key) else { return Ok(None) };
        match value.as_u64().filter(|number| allowed.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let found = if value.is_number() { value.to_string() } else { kind_of(value).to_owned() };
                let (least, most) = (allowed.start(), allowed.end());
                let problem = format!("is {found}; expected a whole number from {least} to {most}");
                Err(bad_value(self.document, &self.path_of(key), &problem))
            }
        }
    }

    fn mismatch(&self, key: &str, expected: &str, found: &Value) -> crate::Error {
        let problem = format!("is {}; expected {expected}", kind_of(found));
        bad_value(self.document, &self.path_of(key), &problem)
    }
}
