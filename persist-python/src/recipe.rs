//! How a store is opened: kept, so that a child process can open it again for itself.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use persist_host::config::{self, ConfigSources};
use persist_host::retention::KeepRules;
use persist_host::{
    Config, Error, ErrorKind, Plugins, Result, SearchPath, Store, StoreOptions, StoreUse, env,
    open_store_options,
};
use pyo3::prelude::*;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::errors::raise;
use crate::local::Local;
use crate::logging;

/// The name of a store that is made without a config.
const UNNAMED: &str = "store";

/// From where a store is opened.
pub(crate) struct Recipe {
    source: Source,
    plugins: PluginPath,
    /// Whether a store was opened from it, in this process or in one that this was forked from.
    was_opened: AtomicBool,
}

/// What describes the store.
pub(crate) enum Source {
    /// A store of a config, which is found as the command finds it.
    Config { file: Option<PathBuf>, store: Option<String> },
    /// What a config would say of the store.
    Given(Value),
}

/// Where plugins are looked for beside the places that config and environment name.
pub(crate) struct PluginPath {
    /// The caller's directories.
    pub(crate) extra: Vec<PathBuf>,
    /// The directory of those that came with this module.
    pub(crate) bundled: PathBuf,
    /// This module's file.
    pub(crate) module: PathBuf,
}

/// A store that is open in this process.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) options: StoreOptions,
    /// The config's keep rules.
    pub(crate) retention: KeepRules,
}

impl Recipe {
    pub(crate) fn new(source: Source, plugins: PluginPath) -> Self {
        Self { source, plugins, was_opened: AtomicBool::new(false) }
    }

    /// Opens the store. One that was inherited must not be another under the same description.
    async fn open(&self, is_inherited: bool) -> Result<Opened> {
        let (config, name, purpose) = match &self.source {
            Source::Config { file, store } => {
                let config = config::load(&ConfigSources::from_environment(file.clone()))?;
                let variable = || env::value(env::STORE).map(|value| value.to_string_lossy().into_owned());
                (config, store.clone().or_else(variable), StoreUse::Keep)
            }
            // A program that names the storage itself knows that it keeps nothing.
            Source::Given(store) => (Config::from_store_value(UNNAMED, store.clone())?, None, StoreUse::Try),
        };
        logging::install(&config.traces)?;
        let plugins = Arc::new(Plugins::discover(&self.plugins.search(&config)));
        let options = open_store_options(&config, name.as_deref(), &plugins, purpose).await?;
        if is_inherited && purpose == StoreUse::Try {
            // What this asks of the backend, saving would ask of it too. An error is for whoever uses the store.
            let capabilities = options.storage.capabilities().await;
            if capabilities.is_ok_and(|capabilities| !capabilities.durable) {
                let message = "the store lies in the memory of the process that this one was forked from";
                return Err(Error::new(ErrorKind::Other, "forked", message).with_hint(
                    "open a store of its own in the child, or use storage that processes can share",
                ));
            }
        }
        self.was_opened.store(true, Ordering::Release);
        let retention = config.store(name.as_deref())?.1.retention.clone();
        Ok(Opened { store: Store::new(options.clone()), options, retention })
    }
}

impl PluginPath {
    fn search(&self, config: &Config) -> SearchPath {
        SearchPath::new()
            .with_flags(self.extra.iter().cloned())
            .with_environment(env::value(env::PLUGIN_PATH).as_deref())
            .with_config(config.plugins.path.iter().cloned())
            .with_bundled(self.bundled.clone(), &self.module)
            .with_policy(config.plugins.trust_policy())
    }
}

/// A recipe and what was made of it, in the process that runs now.
pub(crate) struct Handle {
    recipe: Arc<Recipe>,
    state: Mutex<State>,
}

struct State {
    opening: Local<Opening>,
    is_closed: bool,
}

/// A store that is opened when it is first needed.
#[derive(Clone)]
pub(crate) struct Opening {
    recipe: Arc<Recipe>,
    cell: Arc<OnceCell<Opened>>,
    /// Whether it stands for one that the process was forked with.
    is_inherited: bool,
}

impl Opening {
    fn new(recipe: &Arc<Recipe>) -> Self {
        Self { recipe: Arc::clone(recipe), cell: Arc::default(), is_inherited: false }
    }

    pub(crate) async fn get(&self) -> Result<&Opened> {
        self.cell.get_or_try_init(|| self.recipe.open(self.is_inherited)).await
    }
}

impl Handle {
    pub(crate) fn new(recipe: Recipe) -> Self {
        let recipe = Arc::new(recipe);
        let opening = Local::new(Opening::new(&recipe));
        Self { recipe, state: Mutex::new(State { opening, is_closed: false }) }
    }

    /// The store for this process. A child process that was forked opens its own.
    ///
    /// # Errors
    ///
    /// When the store was closed.
    pub(crate) fn current(&self, _: Python<'_>) -> PyResult<Opening> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            return Err(raise(&Error::new(ErrorKind::Usage, "store_closed", "the store is closed")));
        }
        if let Some(opening) = state.opening.get() {
            return Ok(opening.clone());
        }
        let mut opening = Opening::new(&self.recipe);
        opening.is_inherited = self.recipe.was_opened.load(Ordering::Acquire);
        state.opening = Local::new(opening.clone());
        Ok(opening)
    }

    /// Lets go of the store. Operations that have begun go on.
    pub(crate) fn close(&self, _: Python<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_closed = true;
        state.opening = Local::new(Opening::new(&self.recipe));
    }
}
