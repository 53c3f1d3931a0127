//! From a config and plugins to an opened [`Store`].

use std::sync::{Arc, OnceLock};

use persist_plugin_api::{DynCompression, DynStorage};
use serde_json::{Map, Value};

use crate::audit::AuditLog;
use crate::config::{AdapterConfig, AdapterSection, Config, StoreConfig};
use crate::guard::{Limit, guard_storage};
use crate::observe::Observer;
use crate::{AdapterKind, CodecSource, Error, Plugins, Result, Store, StoreOptions, metrics};

/// What a store is opened for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreUse {
    /// Keeping snapshots. Saving into storage that does not outlive the process is refused.
    #[default]
    Keep,
    /// Trying things out: storage that forgets everything will do.
    Try,
}

/// Opens a store of a config: the one called `name`, or the default one. Only its storage adapter is opened; its
/// compression adapter is when it is first needed. Every call of the storage adapter has the store's time limit, which takes
/// a tokio runtime with a timer, and its answers are checked; see [`guard_storage`].
///
/// # Errors
///
/// As [`Config::store`] and [`Plugins::open_storage`]. Options that the adapter refuses are reported with their place in
/// the config file.
pub async fn open_store(
    config: &Config,
    name: Option<&str>,
    plugins: &Arc<Plugins>,
    purpose: StoreUse,
) -> Result<Store> {
    open_store_options(config, name, plugins, purpose).await.map(Store::new)
}

/// Opens what a store of a config is made of, for a caller that puts something of its own around the storage adapter
/// before it makes the [`Store`].
///
/// # Errors
///
/// As [`open_store`].
pub async fn open_store_options(
    config: &Config,
    name: Option<&str>,
    plugins: &Arc<Plugins>,
    purpose: StoreUse,
) -> Result<StoreOptions> {
    let (name, store) = config.store(name)?;
    let storage = open_storage(store, plugins)
        .await
        .map_err(|error| located(config, name, AdapterSection::Storage, &store.storage, error))?;
    Ok(StoreOptions {
        name: name.to_owned(),
        storage_name: store.storage.adapter.clone(),
        storage,
        codec_name: store.compression.as_ref().map(|compression| compression.adapter.clone()),
        codecs: Arc::new(Codecs {
            config: config.clone(),
            store: name.to_owned(),
            plugins: Arc::clone(plugins),
            configured: OnceLock::new(),
        }),
        single_writer: store.single_writer,
        allow_volatile: purpose == StoreUse::Try,
        tuning: store.tuning,
        observers: observers(config),
    })
}

/// Opens the compression adapter that a store of a config is written with; `None` when it stores uncompressed.
///
/// # Errors
///
/// As [`Config::store`] and [`Plugins::open_compression`], with the options' place in the config file.
pub fn open_compression(
    config: &Config,
    name: Option<&str>,
    plugins: &Plugins,
) -> Result<Option<Arc<dyn DynCompression>>> {
    let (name, store) = config.store(name)?;
    let Some(compression) = &store.compression else { return Ok(None) };
    let options = Value::Object(compression.options.clone());
    let opened = plugins.open_compression(&compression.adapter, &options);
    opened.map(Some).map_err(|error| located(config, name, AdapterSection::Compression, compression, error))
}

/// Whom a config tells of what is done with its stores.
fn observers(config: &Config) -> Vec<Arc<dyn Observer>> {
    let audit = config.audit.iter().map(|audit| Arc::new(AuditLog::new(audit.clone())) as _);
    // The metrics come first: what the audit trail refuses is counted as well.
    std::iter::once(metrics::observer()).chain(audit).collect()
}

/// Opens the storage adapter of a store, and guards it from then on.
async fn open_storage(store: &StoreConfig, plugins: &Arc<Plugins>) -> Result<Arc<dyn DynStorage>> {
    let name = &store.storage.adapter;
    let plugin = plugins.resolve(AdapterKind::Storage, name)?.path().display();
    let adapter = format!("the storage adapter {name:?} of the plugin {plugin}");
    let (own, called) = (Arc::clone(plugins), name.clone());
    let options = Value::Object(store.storage.options.clone());
    let opening = async move { own.open_storage(&called, &options).await };
    let opened = match store.call_timeout {
        None => opening.await,
        Some(limit) => {
            let opened = Limit::new(&adapter, limit).call(|| "open".to_owned(), Box::pin(opening)).await;
            opened.unwrap_or_else(|late| {
                Err(Error::from_adapter(format!("cannot open the storage adapter {name:?}"), late))
            })
        }
    };
    Ok(guard_storage(opened?, &adapter, store.call_timeout))
}

/// The codecs of one store: the configured one with its options, all others as their plugins have them by default.
struct Codecs {
    config: Config,
    store: String,
    plugins: Arc<Plugins>,
    configured: OnceLock<Arc<dyn DynCompression>>,
}

impl CodecSource for Codecs {
    fn codec(&self, name: &str) -> Result<Arc<dyn DynCompression>> {
        let (_, store) = self.config.store(Some(&self.store))?;
        if store.compression.as_ref().is_none_or(|compression| compression.adapter != name) {
            return self.plugins.codec(name);
        }
        if let Some(codec) = self.configured.get() {
            return Ok(Arc::clone(codec));
        }
        match open_compression(&self.config, Some(&self.store), &self.plugins)? {
            Some(codec) => Ok(Arc::clone(self.configured.get_or_init(|| codec))),
            None => self.plugins.codec(name),
        }
    }
}

/// Adds the place in the config file to an adapter's refusal of its options, and to all that stops an adapter from being
/// opened that is an option of another.
fn located(
    config: &Config,
    store: &str,
    section: AdapterSection,
    adapter: &AdapterConfig,
    error: Error,
) -> Error {
    let part = error.context().iter().find(|(name, _)| *name == "part").map(|(_, part)| part.as_str());
    let refused = error.code() == "adapter_options";
    if !refused && part.is_none() {
        return error;
    }
    let options = match part {
        None => Some(&adapter.options),
        Some(part) => table_at(&adapter.options, part),
    };
    let blamed = options.filter(|_| refused).and_then(|options| blamed_option(options, &error));
    let place = match part {
        None => config.locate(store, section, blamed),
        Some(part) => config.locate_part(store, section, part, blamed),
    };
    let name = match part {
        None => Some(adapter.adapter.as_str()),
        Some(_) => options.and_then(|options| options.get("adapter")).and_then(Value::as_str),
    };
    let name = name.unwrap_or_default();
    let message = match refused {
        true => format!("{place} is refused by the {} adapter {name:?}", section.name()),
        false => format!("{place} cannot be opened with the {} adapter {name:?}", section.name()),
    };
    let located = Error::new(error.kind(), error.code(), message).with_context("store", store);
    let located = match error.hint() {
        Some(hint) => located.with_hint(hint),
        None => located,
    };
    located.with_source(error)
}

/// The table of an adapter among the options of the outermost one, by its place: `replicas[0].cache`.
fn table_at<'a>(options: &'a Map<String, Value>, place: &str) -> Option<&'a Map<String, Value>> {
    place.split('.').try_fold(options, |options, step| {
        let (name, number) = match step.strip_suffix(']').and_then(|step| step.rsplit_once('[')) {
            Some((name, number)) => (name, Some(number.parse::<usize>().ok()?)),
            None => (step, None),
        };
        let value = options.get(name)?;
        number.map_or(Some(value), |number| value.get(number))?.as_object()
    })
}

/// The option that an adapter's refusal speaks of: the configured one whose name it quotes first.
fn blamed_option<'a>(options: &'a Map<String, Value>, error: &Error) -> Option<&'a str> {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.map(ToString::to_string).find_map(|cause| {
        let told = before_values(&cause);
        let place = |option: &str| {
            // As a whole, or as the beginning of the place of something in it.
            let quoted = [
                format!("`{option}`"),
                format!("`{option}."),
                format!("`{option}["),
                format!("\"{option}\""),
                format!("'{option}'"),
            ];
            quoted.iter().filter_map(|quoted| told.find(quoted.as_str())).min()
        };
        let named = options.keys().filter_map(|option| Some((place(option)?, option.as_str())));
        named.min().map(|(_, option)| option)
    })
}

/// The part of a refusal in which a quoted word is an option: serde goes on with values that were found, and with names of
/// options that would have been accepted.
fn before_values(cause: &str) -> &str {
    let values = [", expected", "invalid type:", "invalid value:", "unknown variant"];
    let end = values.iter().filter_map(|words| cause.find(words)).min();
    end.map_or(cause, |end| &cause[..end])
}

#[cfg(test)]
mod tests {
    use persist_plugin_api as plugin;

    use super::*;

    #[test]
    fn an_adapter_inside_another_is_found_by_its_place() {
        let options =
            serde_json::json!({"cache": {"adapter": "a"}, "replicas": [{"cache": {"adapter": "b"}}, 1]});
        let adapter = |place| table_at(options.as_object()?, place)?.get("adapter")?.as_str();
        assert_eq!(adapter("cache"), Some("a"));
        assert_eq!(adapter("replicas[0].cache"), Some("b"));
        assert_eq!(adapter("replicas[1]"), None);
        assert_eq!(adapter("replicas[2].cache"), None);
    }

    #[test]
    fn the_option_that_an_adapter_quotes_is_blamed() {
        let options = serde_json::json!({"root": "/x", "levl": 3});
        let options = options.as_object().unwrap();
        let blamed = |text: &str| {
            let cause = plugin::Error::new(plugin::ErrorCode::CONFIG, text);
            blamed_option(options, &Error::from_adapter("cannot open", cause)).map(ToOwned::to_owned)
        };
        assert_eq!(blamed("unknown field `levl`, expected `level`").as_deref(), Some("levl"));
        assert_eq!(blamed("the option \"root\" must be absolute").as_deref(), Some("root"));
        assert_eq!(blamed("the root must be absolute"), None);
        assert_eq!(blamed("unknown field `levl`, expected one of `level`, `root`").as_deref(), Some("levl"));
        assert_eq!(blamed("missing field `level`, expected with `root`"), None);
        assert_eq!(blamed("invalid type: string \"root\", expected u32"), None);
        assert_eq!(blamed("`levl`: invalid type: string \"root\", expected u32").as_deref(), Some("levl"));
        assert_eq!(blamed("`levl.root`: unknown field `root`, expected `a`").as_deref(), Some("levl"));
        assert_eq!(blamed("'root' cannot be used with 'levl'").as_deref(), Some("root"));
    }

    #[test]
    fn an_unknown_option_of_a_part_is_located_with_its_own_line() {
        let text = "[stores.a.storage]\nadapter = \"replicated\"\n[[stores.a.storage.replicas]]\n\
                    adapter = \"local\"\nroot = \"/x\"\nrot = \"/y\"\n";
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("c.toml");
        std::fs::write(&file, text).unwrap();
        let config =
            crate::config::load(&crate::config::ConfigSources::from_environment(Some(file))).unwrap();
        let cause = plugin::Error::new(
            plugin::ErrorCode::CONFIG,
            "unknown field `rot`, expected one of `root`, `sync`, `adapter`",
        );
        let refused = Error::from_adapter("cannot open", cause).with_context("part", "replicas[0]");
        let adapter = &config.stores["a"].storage;
        let located = located(&config, "a", AdapterSection::Storage, adapter, refused).to_string();
        assert!(located.contains("c.toml:6: `stores.a.storage.replicas[0].rot`"), "{located}");
    }
}
