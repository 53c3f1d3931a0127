//! From a config and the plugins to a store that works.

use std::sync::Arc;

use persist_plugin_api::DynCompression;
use serde_json::Value;

use crate::config::{AdapterConfig, AdapterSection, Config};
use crate::{CodecSource, Error, Plugins, Result, Store, StoreOptions};

/// Opens a store of a config through its plugins: the one called `name`, or the config's default.
///
/// Only the adapters that this store names are loaded, and the backend is not touched. `allow_volatile` permits saving
/// into storage that ends with the process.
///
/// # Errors
/// When the config has no such store, a plugin is missing or refused, or an adapter refuses its options; then the
/// context says where in the config they stand.
pub async fn open_store(
    config: &Config,
    plugins: Arc<Plugins>,
    name: Option<&str>,
    allow_volatile: bool,
) -> Result<Store> {
    let (name, store) = config.store(name)?;
    let storage = &store.storage;
    let storage_adapter = plugins
        .open_storage(&storage.adapter, &Value::Object(storage.options.clone()))
        .await
        .map_err(|error| located(config, name, AdapterSection::Storage, error))?;
    let codecs: Arc<dyn CodecSource> = match &store.compression {
        None => plugins,
        Some(compression) => Arc::new(
            ConfiguredCodecs::open(plugins, compression)
                .map_err(|error| located(config, name, AdapterSection::Compression, error))?,
        ),
    };
    Ok(Store::new(StoreOptions {
        name: name.to_owned(),
        storage_name: storage.adapter.clone(),
        storage: storage_adapter,
        codec_name: store.compression.as_ref().map(|compression| compression.adapter.clone()),
        codecs,
        single_writer: store.single_writer,
        allow_volatile,
    }))
}

fn located(config: &Config, store: &str, section: AdapterSection, error: Error) -> Error {
    error.with_context("config", config.locate(store, section, None))
}

/// The store's own codec with the options that the config gives it, and every other codec with its defaults: options
/// decide how something is written, and nothing else is written.
struct ConfiguredCodecs {
    plugins: Arc<Plugins>,
    name: String,
    codec: Arc<dyn DynCompression>,
}

impl ConfiguredCodecs {
    fn open(plugins: Arc<Plugins>, compression: &AdapterConfig) -> Result<Self> {
        let options = Value::Object(compression.options.clone());
        let codec = plugins.open_compression(&compression.adapter, &options)?;
        Ok(Self { plugins, name: compression.adapter.clone(), codec })
    }
}

impl CodecSource for ConfiguredCodecs {
    fn codec(&self, name: &str) -> Result<Arc<dyn DynCompression>> {
        if name == self.name { Ok(Arc::clone(&self.codec)) } else { self.plugins.codec(name) }
    }
}
