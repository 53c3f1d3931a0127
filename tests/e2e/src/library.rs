//! Persist used as a library: adapters from their shared libraries, and a store over them.

use std::sync::{Arc, OnceLock};

use persist_host::{Plugins, SearchPath, Store, StoreOptions, Tuning};
use persist_plugin_api::DynStorage;
use serde_json::Value;

use crate::servers::plugin_dir;

/// The built plugins.
///
/// # Panics
///
/// When they have not been built, or one is refused.
pub fn plugins() -> Arc<Plugins> {
    static PLUGINS: OnceLock<Arc<Plugins>> = OnceLock::new();
    let plugins =
        PLUGINS.get_or_init(|| Arc::new(Plugins::discover(&SearchPath::new().with_flags([plugin_dir()]))));
    Arc::clone(plugins)
}

/// A storage adapter from its shared library.
///
/// # Panics
///
/// When it cannot be opened.
pub async fn storage(adapter: &str, options: &Value) -> Arc<dyn DynStorage> {
    let opened = plugins().open_storage(adapter, options).await;
    opened.unwrap_or_else(|error| panic!("{}", persist_test_support::with_causes(&error)))
}

/// A store over a storage adapter, compressed with gzip. It may be one that forgets.
///
/// # Panics
///
/// When the adapter cannot be opened.
pub async fn store(adapter: &str, options: &Value) -> Store {
    store_over(adapter, storage(adapter, options).await, Some("gzip"))
}

/// A store over an adapter that is open, compressed with this codec or not at all.
#[must_use]
pub fn store_over(adapter: &str, storage: Arc<dyn DynStorage>, codec: Option<&str>) -> Store {
    Store::new(StoreOptions {
        name: "main".to_owned(),
        storage_name: adapter.to_owned(),
        storage,
        codec_name: codec.map(str::to_owned),
        codecs: plugins(),
        single_writer: false,
        allow_volatile: true,
        tuning: Tuning::default(),
        observers: Vec::new(),
    })
}
