//! One plugin file, loaded because somebody named the file itself.

use std::path::Path;

use persist_plugin_api::host::Plugin;
use persist_plugin_api::{Descriptor, DynCompression, DynStorage};
use serde_json::Value;

use super::discover::Verified;
use super::error::Rejection;
use super::load::{load, rejection_error};
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

    /// Opens one of its storage adapters.
    ///
    /// # Errors
    /// The adapter's own, with the code `CONFIG` for options that it refuses.
    pub async fn open_storage(
        &self,
        adapter: &str,
        options: &Value,
    ) -> persist_plugin_api::Result<Box<dyn DynStorage>> {
        self.plugin.open_storage(adapter, options).await
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
