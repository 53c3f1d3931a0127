//! The config of a user who has none.

use std::time::Duration;

use serde_json::{Map, Value};

use super::model::{AdapterConfig, Config, StoreConfig};
use super::source::ConfigSources;
use crate::retention::KeepRules;
use crate::{Error, ErrorKind, Result, Tuning};

/// The compression of a store whose config names none.
const COMPRESSION: &str = "gzip";

/// How long a call of a storage adapter may take in a store whose config does not say: longer than a slow backend with
/// retries of its own needs for the largest object.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(300);

/// The name of the built-in store.
const STORE: &str = "main";

/// One local store in the user's data directory, compressed with gzip.
///
/// # Errors
///
/// When the user has no data directory.
pub(super) fn config(sources: &ConfigSources) -> Result<Config> {
    let root =
        sources.data_directory.as_deref().and_then(|directory| directory.to_str()).ok_or_else(|| {
            let message =
                "there is no config file, and no data directory for a store without one: HOME is not set";
            Error::new(ErrorKind::InvalidInput, "config_no_home", message)
                .with_hint("set HOME, or name a config file with --config")
        })?;
    let options = Map::from_iter([("root".to_owned(), Value::from(root))]);
    let store = StoreConfig {
        storage: AdapterConfig { adapter: "local".to_owned(), options },
        compression: Some(compression()),
        call_timeout: Some(CALL_TIMEOUT),
        single_writer: false,
        retention: KeepRules::default(),
        tuning: Tuning::default(),
    };
    Ok(Config::of_one_store(STORE, store))
}

/// The compression of a store whose config names none.
pub(super) fn compression() -> AdapterConfig {
    AdapterConfig { adapter: COMPRESSION.to_owned(), options: Map::new() }
}
