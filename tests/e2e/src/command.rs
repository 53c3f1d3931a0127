//! The built command, run in a home directory of its own.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Output,
    servers::{persist_bin, plugin_dir},
};

/// The `persist` command in a temporary home directory, which goes when this is dropped.
///
/// Nothing of the caller's environment reaches the command but `PATH`: neither its config, nor its stores, nor
/// its credentials.
#[derive(Debug)]
pub struct Persist {
    home: TempDir,
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Persist {
    /// With a config of one store, `main`: local storage in [`Persist::store_dir`], compressed with gzip.
    ///
    /// # Panics
    ///
    /// When the home directory cannot be made, or the command or the plugins have not been built.
    #[must_use]
    pub fn new() -> Self {
        let persist = Self::without_config();
        persist.write_config(&format!(
            "{}[plugins]\npath = [{:?}]\n",
            local_store("main", &persist.store_dir()),
            plugin_dir()
        ));
        persist
    }

    /// Without a config file: the built-in defaults hold, with a store below the home directory.
    ///
    /// # Panics
    ///
    /// When the home directory cannot be made, or the command has not been built.
    #[must_use]
    pub fn without_config() -> Self {
        let home =
            tempfile::Builder::new().prefix("persist-e2e-").tempdir().expect("a temporary home directory");
        for directory in ["work", "tmp"] {
            fs::create_dir(home.path().join(directory)).expect("a directory in the home directory");
        }
        Self { home, program: persist_bin(), environment: Vec::new() }
    }

    /// The same command at another place, where no plugins lie beside it.
    ///
    /// # Panics
    ///
    /// When the executable cannot be linked or copied there.
    #[must_use]
    pub fn far_from_plugins(mut self) -> Self {
        let program = self.path("bin/persist");
        fs::create_dir_all(self.path("bin")).expect("a directory for the command");
        if fs::hard_link(&self.program, &program).is_err() {
            fs::copy(&self.program, &program).expect("a copy of the command");
        }
        self.program = program;
        self
    }

    /// Sets an environment variable for every command that follows.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A path below the home directory.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.home.path().join(relative)
    }

    /// The directory that commands run in; it begins empty.
    #[must_use]
    pub fn work_dir(&self) -> PathBuf {
        self.path("work")
    }

    /// The root of the store `main` that [`Persist::new`] configures.
    #[must_use]
    pub fn store_dir(&self) -> PathBuf {
        self.path("store")
    }

    /// Replaces the user's config file.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write_config(&self, text: &str) -> PathBuf {
        self.write(".config/persist/config.toml", text)
    }

    /// Writes a file below the home directory, with its parent directories.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap_or_else(|| self.home.path())).expect("a parent directory");
        fs::write(&path, content).expect("a file in the home directory");
        path
    }

    /// The command with arguments, ready to be started in some special way.
    #[must_use]
    pub fn command<I>(&self, arguments: I) -> Command
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.isolated(&self.program, arguments)
    }

    /// The command below another program, such as a tracer: `wrapper` and its arguments come first.
    #[must_use]
    pub fn wrapped<I>(&self, wrapper: &[&str], arguments: I) -> Command
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let (program, first) = wrapper.split_first().expect("the name of a program");
        let mut command = self.isolated(Path::new(program), first);
        command.arg(&self.program).args(arguments);
        command
    }

    /// Runs the command without input and waits until it ends.
    ///
    /// # Panics
    ///
    /// When it cannot be started or does not end in time.
    pub fn run<I>(&self, arguments: I) -> Output
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        Output::of(self.command(arguments), b"")
    }

    /// Runs the command with bytes on its standard input and waits until it ends.
    ///
    /// # Panics
    ///
    /// When it cannot be started or does not end in time.
    pub fn run_with_input<I>(&self, arguments: I, input: impl AsRef<[u8]>) -> Output
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        Output::of(self.command(arguments), input.as_ref())
    }

    /// Runs the command without input and expects that it succeeds.
    ///
    /// # Panics
    ///
    /// When it does not exit with 0.
    pub fn ok<I>(&self, arguments: I) -> Output
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.run(arguments).expect_code(0)
    }

    /// Saves a state from standard input into the default store and returns the JSON object that reports it.
    ///
    /// # Panics
    ///
    /// When the save does not exit with 0.
    pub fn save(&self, session: &str, state: impl AsRef<[u8]>) -> Value {
        self.run_with_input(["save", session, "-", "--json"], state).expect_code(0).json()
    }

    fn isolated<I>(&self, program: &Path, arguments: I) -> Command
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.work_dir())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("TMPDIR", self.path("tmp"))
            .env("XDG_CONFIG_HOME", self.path(".config"))
            .env("XDG_DATA_HOME", self.path(".local/share"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Default for Persist {
    fn default() -> Self {
        Self::new()
    }
}

/// A store in a config: local storage at `root`, compressed with gzip.
fn local_store(name: &str, root: &Path) -> String {
    format!(
        "[stores.{name}]\nstorage = {{ adapter = \"local\", root = {root:?} }}\ncompression = {{ adapter = \"gzip\" }}\n"
    )
}
