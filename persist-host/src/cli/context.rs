//! What a command works with: the flags, the config, the plugins, the store. Each is made when it is first needed, so
//! that a command fails only over what it uses.

use std::cell::{OnceCell, RefCell};
use std::ffi::OsStr;
use std::process::Command;
use std::sync::Arc;

use persist_host::config::{self, ConfigSources};
use persist_host::{
    Config, Plugins, Result, SearchPath, Store, StoreOptions, StoreUse, env, open_store, open_store_options,
};

use super::args::GlobalArgs;
use super::output::Output;

/// The surroundings of one command.
pub(crate) struct Context {
    args: GlobalArgs,
    output: Output,
    config: OnceCell<Config>,
    plugins: OnceCell<Arc<Plugins>>,
    interrupt_note: RefCell<Option<String>>,
}

impl Context {
    pub(crate) fn new(args: GlobalArgs) -> Self {
        let output = Output::new(&args);
        Self {
            args,
            output,
            config: OnceCell::new(),
            plugins: OnceCell::new(),
            interrupt_note: RefCell::new(None),
        }
    }

    /// The flags.
    pub(crate) fn args(&self) -> &GlobalArgs {
        &self.args
    }

    /// Where results go.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// The config that counts.
    pub(crate) fn config(&self) -> Result<&Config> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = config::load(&ConfigSources::from_environment(self.args.config.clone()))?;
        Ok(self.config.get_or_init(|| config))
    }

    /// Whether the command line itself names a config or a store of one.
    pub(crate) fn names_store(&self) -> bool {
        self.args.config.is_some() || self.args.store.is_some()
    }

    /// The name of the store that the user asks for, if any.
    pub(crate) fn store_name(&self) -> Option<String> {
        let variable = || env::value(env::STORE).map(|value| value.to_string_lossy().into_owned());
        self.args.store.clone().or_else(variable)
    }

    /// The store that the user means, opened.
    pub(crate) async fn store(&self) -> Result<Store> {
        let config = self.config()?;
        let plugins = Arc::new(Plugins::discover(&self.search_path(config)));
        open_store(config, self.store_name().as_deref(), &plugins, StoreUse::Keep).await
    }

    /// What the store that the user means is made of, opened for trying things out.
    pub(crate) async fn store_options(&self) -> Result<StoreOptions> {
        let config = self.config()?;
        let plugins = Arc::new(Plugins::discover(&self.search_path(config)));
        open_store_options(config, self.store_name().as_deref(), &plugins, StoreUse::Try).await
    }

    /// What the store with this name is made of, or the default one, opened for keeping snapshots. All stores of a
    /// command share their plugins.
    pub(crate) async fn store_options_of(&self, name: Option<&str>) -> Result<StoreOptions> {
        let config = self.config()?;
        let plugins = self.plugins.get_or_init(|| Arc::new(Plugins::discover(&self.search_path(config))));
        open_store_options(config, name, plugins, StoreUse::Keep).await
    }

    /// Where plugins are looked for under a config, and what it asks of them.
    pub(crate) fn search_path(&self, config: &Config) -> SearchPath {
        self.search_path_without_config()
            .with_config(config.plugins.path.iter().cloned())
            .with_policy(config.plugins.trust_policy())
    }

    /// Where plugins are looked for when no config counts.
    pub(crate) fn search_path_without_config(&self) -> SearchPath {
        let search = SearchPath::new()
            .with_flags(self.args.plugin_dir.iter().cloned())
            .with_environment(env::value(env::PLUGIN_PATH).as_deref());
        match std::env::current_exe() {
            Ok(executable) => search.with_executable(&executable),
            // Without knowing where the program is, there is nothing beside it to search.
            Err(_) => search,
        }
    }

    /// Where plugins are looked for by a command that needs no config: under the one that the command line names, if it does.
    pub(crate) fn search_path_as_named(&self) -> Result<SearchPath> {
        Ok(match self.names_store() {
            true => self.search_path(self.config()?),
            false => self.search_path_without_config(),
        })
    }

    /// Has a process of this program look for plugins where this one does.
    pub(crate) fn pass_on(&self, command: &mut Command) {
        let named = [("--config", self.args.config.as_ref().map(|path| path.as_os_str()))];
        let stores = [("--store", self.args.store.as_deref().map(OsStr::new))];
        let directories = self.args.plugin_dir.iter().map(|path| ("--plugin-dir", Some(path.as_os_str())));
        for (flag, value) in named.into_iter().chain(stores).chain(directories) {
            if let Some(value) = value {
                command.arg(flag).arg(value);
            }
        }
    }

    /// What to tell a user who cancels from now on.
    pub(crate) fn set_interrupt_note(&self, note: String) {
        self.interrupt_note.replace(Some(note));
    }

    /// What to tell a user who has cancelled.
    pub(crate) fn take_interrupt_note(&self) -> Option<String> {
        self.interrupt_note.take()
    }
}
