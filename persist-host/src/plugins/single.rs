//! One plugin file, loaded because somebody named the file itself.

use std::path::Path;

use persist_plugin_api::host::{OpenedStorage, Plugin};
use persist_plugin_api::{Descriptor, DynCompression, DynStorage, Error as AdapterError, ErrorCode};
use serde_json::Value;

use super::discover::Verified;
use super::error::Rejection;
use super::load::{load, rejection_error};
use super::parts::{OpenError, open_over};
use super::registry::{AdapterKind, Plugins};
use crate::Result;

/// A plugin that was checked and loaded into *this* process, whatever the search path holds.
///
/// A bad plugin may end the process: this is for a process that is started for one plugin alone.
pub struct LoadedPlugin {
    plugin: Plugin,
    descriptor: Descriptor,
}

impl LoadedPlugin {
    /// Checks a file and loads it.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Plugin`](crate::ErrorKind::Plugin), when the file is refused or cannot be loaded.
    pub fn load(path: &Path) -> Result<Self> {
        let verified = Verified::from_path(path)
            .map_err(|reason| rejection_error(&Rejection { path: path.to_owned(), reason }))?;
        let plugin = load(&verified)?;
        Ok(Self { plugin, descriptor: verified.descriptor })
    }

    /// What the plugin says of itself.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Opens one of its storage adapters. Adapters that are options of it come from `others`.
    ///
    /// # Errors
    /// The adapter's own, with the code `CONFIG` for options that it refuses; what stops one of the others from being
    /// opened is the cause of an error with the code `CONFIG`.
    pub async fn open_storage(
        &self,
        adapter: &str,
        options: &Value,
        others: &Plugins,
    ) -> persist_plugin_api::Result<Box<dyn DynStorage>> {
        let offered = self.descriptor.adapters.iter();
        let offered = offered.filter(|it| it.kind == AdapterKind::Storage.as_str());
        let schema = offered.filter(|it| it.name == adapter).map(|it| &it.schema).next();
        let opened =
            open_over(self.plugin, adapter, schema.unwrap_or(&Value::Null), options, others, "").await;
        opened.map(OpenedStorage::into_storage).map_err(|error| match error {
            OpenError::Adapter(error) => error,
            OpenError::Part(error) => {
                let message = format!("cannot open what the options of the adapter {adapter:?} name");
                AdapterError::new(ErrorCode::CONFIG, message).with_source(error)
            }
        })
    }

    /// Opens one of its compression adapters.
    ///
    /// # Errors
    /// As [`open_storage`](LoadedPlugin::open_storage).
    pub fn open_compression(
        &self,
        adapter: &str,
        options: &Value,
    ) -> persist_plugin_api::Result<Box<dyn DynCompression>> {
        self.plugin.open_compression(adapter, options)
    }
}
