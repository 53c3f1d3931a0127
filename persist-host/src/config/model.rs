//! What a config says, once it has been checked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::document::{Document, child, element};
use super::interpret::interpret;
use super::source::ConfigSource;
use super::telemetry::{LogConfig, TracesConfig};
use crate::audit::AuditConfig;
use crate::metrics::MetricsConfig;
use crate::retention::KeepRules;
use crate::{Error, ErrorKind, Result, TrustPolicy, TrustedKey, Tuning};

/// A checked config.
#[derive(Clone, Debug)]
pub struct Config {
    /// The store that counts when none is asked for: the one that the file names, or the only one.
    pub default: Option<String>,
    /// The stores by name.
    pub stores: BTreeMap<String, StoreConfig>,
    /// What it says of plugins.
    pub plugins: PluginsConfig,
    /// The audit trail, if operations are to be recorded: the table `audit`.
    pub audit: Option<AuditConfig>,
    /// How metrics are served: the table `metrics`.
    pub metrics: MetricsConfig,
    /// How the command logs: the table `log`.
    pub log: LogConfig,
    /// Where traces are sent: the table `traces`.
    pub traces: TracesConfig,
    /// Where it came from.
    pub source: ConfigSource,
    pub(super) lines: BTreeMap<String, usize>,
    pub(super) written: BTreeMap<String, String>,
}

/// One store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreConfig {
    /// Where snapshots are kept.
    pub storage: AdapterConfig,
    /// How they are compressed; `None` stores them as they are. A config that says nothing means gzip.
    pub compression: Option<AdapterConfig>,
    /// How long one call of the storage adapter, or opening it, may take; `None` waits for as long as it takes.
    pub call_timeout: Option<Duration>,
    /// Whether the user vouches that one process writes at a time, as storage without atomic creation needs.
    pub single_writer: bool,
    /// Which snapshots of a session to keep when nothing else says so; empty if the config says nothing.
    pub retention: KeepRules,
    /// How snapshots are laid out: the table `layout`.
    pub tuning: Tuning,
}

/// An adapter and its options, which only its plugin can check.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterConfig {
    /// The adapter's name.
    pub adapter: String,
    /// The options, with variables already replaced.
    pub options: Map<String, Value>,
}

/// What a config says of plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginsConfig {
    /// Directories to search; relative ones in the file were relative to the file's directory.
    pub path: Vec<PathBuf>,
    /// Whether a directory without a lock file is refused.
    pub require_lock: bool,
    /// The keys that plugins have to be signed with; none asks for no signature.
    pub trusted_keys: Vec<TrustedKey>,
}

/// Which adapter of a store is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterSection {
    /// `storage`
    Storage,
    /// `compression`
    Compression,
}

/// A place in a config, shown as `FILE:LINE: KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, unless the config is built in.
    pub file: Option<PathBuf>,
    /// The line, counted from 1, if the file holds the key.
    pub line: Option<usize>,
    /// The dotted path of the key.
    pub key: String,
}

impl Config {
    /// A config that a program makes, with one store and nothing else.
    #[must_use]
    pub fn of_one_store(name: impl Into<String>, store: StoreConfig) -> Self {
        let name = name.into();
        Self {
            default: Some(name.clone()),
            stores: BTreeMap::from([(name, store)]),
            plugins: PluginsConfig::default(),
            audit: None,
            metrics: MetricsConfig::default(),
            log: LogConfig::default(),
            traces: TracesConfig::default(),
            source: ConfigSource::BuiltIn,
            lines: BTreeMap::new(),
            written: BTreeMap::new(),
        }
    }

    /// A config with one store, from what a config file in JSON says of a store. Variables are not replaced.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an unknown or missing key and for a value that is not allowed.
    pub fn from_store_value(name: &str, store: Value) -> Result<Self> {
        let stores = Map::from_iter([(name.to_owned(), store)]);
        let document = Document {
            file: PathBuf::from("the description of the store"),
            root: Map::from_iter([("stores".to_owned(), Value::Object(stores))]),
            lines: BTreeMap::new(),
        };
        interpret(document, BTreeMap::new(), ConfigSource::BuiltIn)
    }

    /// The store with this name, or the default one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for a name that the config does not hold, [`ErrorKind::InvalidInput`] when no name is
    /// given and the config does not say which store to use. Both list the stores that there are.
    pub fn store(&self, name: Option<&str>) -> Result<(&str, &StoreConfig)> {
        let known = self.stores.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let place = self.place();
        let Some(wanted) = name.or(self.default.as_deref()) else {
            let message = if self.stores.is_empty() {
                format!("{place} holds no store")
            } else {
                format!("{place} holds several stores and no `default`: {known}")
            };
            let hint = "name one with --store, or write default = \"NAME\" at the top of the file";
            return Err(Error::new(ErrorKind::InvalidInput, "config_no_default", message).with_hint(hint));
        };
        self.stores.get_key_value(wanted).map(|(name, store)| (name.as_str(), store)).ok_or_else(|| {
            let known = if known.is_empty() { "none".to_owned() } else { known };
            let message = format!("there is no store {wanted:?} in {place}; its stores: {known}");
            Error::new(ErrorKind::NotFound, "store_not_found", message).with_context("store", wanted)
        })
    }

    /// Where the config holds an adapter of a store, or one of its options, for messages.
    #[must_use]
    pub fn locate(&self, store: &str, section: AdapterSection, option: Option<&str>) -> Location {
        let section = child(&child("stores", store), section.name());
        let key = option.map_or_else(|| section.clone(), |option| child(&section, option));
        let line = self.lines.get(&key).or_else(|| self.lines.get(&section)).copied();
        Location { file: self.source.path().map(ToOwned::to_owned), line, key }
    }

    /// Where the config holds an adapter that is an option of another, or an option of it, for messages. `part` is its
    /// place among the options of the outermost one, such as `replicas[0].cache`.
    #[must_use]
    pub fn locate_part(
        &self,
        store: &str,
        section: AdapterSection,
        part: &str,
        option: Option<&str>,
    ) -> Location {
        let outermost = self.locate(store, section, None);
        let part = format!("{}.{part}", outermost.key);
        let key = option.map_or_else(|| part.clone(), |option| child(&part, option));
        let line = self.lines.get(&key).or_else(|| self.lines.get(&part)).copied().or(outermost.line);
        Location { line, key, ..outermost }
    }

    /// The options of an adapter as the file has them: what came from a `${VAR}` may be secret and stands there as it was
    /// written.
    #[must_use]
    pub fn options_as_written(
        &self,
        store: &str,
        section: AdapterSection,
        options: &Map<String, Value>,
    ) -> Map<String, Value> {
        let section = child(&child("stores", store), section.name());
        self.table_as_written(&section, options)
    }

    fn table_as_written(&self, path: &str, table: &Map<String, Value>) -> Map<String, Value> {
        let entries = table.iter();
        entries.map(|(key, value)| (key.clone(), self.as_written(&child(path, key), value))).collect()
    }

    fn as_written(&self, path: &str, value: &Value) -> Value {
        match value {
            Value::Object(table) => Value::Object(self.table_as_written(path, table)),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.map(|(index, item)| self.as_written(&element(path, index), item)).collect()
            }
            plain => self.written.get(path).map_or_else(|| plain.clone(), |text| Value::from(text.as_str())),
        }
    }

    /// The config's file, or what stands for it, for messages.
    fn place(&self) -> String {
        match self.source.path() {
            Some(path) => format!("the config file {}", path.display()),
            None => "the built-in config".to_owned(),
        }
    }
}

impl PluginsConfig {
    /// What the config asks of plugins.
    #[must_use]
    pub fn trust_policy(&self) -> TrustPolicy {
        TrustPolicy::new().require_lock(self.require_lock).trust_keys(self.trusted_keys.iter().cloned())
    }
}

impl AdapterSection {
    /// The section's key in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Compression => "compression",
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(formatter, "{}:{}: `{}`", file.display(), self.line.unwrap_or(1), self.key),
            None => write!(formatter, "built-in config: `{}`", self.key),
        }
    }
}
