//! The built command, run in a home directory of its own.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::servers::{persist_bin, plugin_dir};

/// After this a command counts as hanging.
const TIME_LIMIT: Duration = Duration::from_secs(120);

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

/// What a command that ended left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command line, for messages.
    pub line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error, as text.
    pub stderr: String,
}

impl Output {
    /// Runs a command with bytes on its standard input and waits until it ends.
    ///
    /// # Panics
    ///
    /// When it cannot be started or does not end in time.
    #[must_use]
    pub fn of(mut command: Command, input: &[u8]) -> Self {
        let line = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {line}: {error}"));
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // All three pipes move at once: a command that fills one while nobody reads it would stand still.
        thread::scope(|scope| {
            scope.spawn(move || {
                // A command that does not want its input closes the pipe, which is its right.
                let _ = stdin.map(|mut pipe| pipe.write_all(input));
            });
            let stdout = scope.spawn(move || read_all(stdout));
            let stderr = scope.spawn(move || read_all(stderr));
            let status = wait(&mut child, &line);
            let stdout = stdout.join().expect("a reader of standard output");
            let stderr = stderr.join().expect("a reader of standard error");
            Self { line, status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
        })
    }

    /// The exit code; `None` when a signal ended the command.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The standard output as one JSON value.
    ///
    /// # Panics
    ///
    /// When it is something else.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }

    /// The error object that a command with `--json` prints as the last line of standard error.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn json_error(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        let mut value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON error ({error}): {self}"));
        value["error"].take()
    }

    /// Goes on if the command ended with this exit code.
    ///
    /// # Panics
    ///
    /// When it ended otherwise.
    #[must_use = "the output is what a test looks at; drop it by name if the code is enough"]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Goes on if standard error holds each of these texts.
    ///
    /// # Panics
    ///
    /// When one is missing.
    pub fn says<const N: usize>(self, texts: [&str; N]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is missing: {self}");
        }
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout[..self.stdout.len().min(4_000)]);
        write!(formatter, "{}\n{}\n--- stdout\n{stdout}\n--- stderr\n{}", self.line, self.status, self.stderr)
    }
}

/// A store in a config: local storage at `root`, compressed with gzip.
fn local_store(name: &str, root: &Path) -> String {
    format!(
        "[stores.{name}]\nstorage = {{ adapter = \"local\", root = {root:?} }}\ncompression = {{ adapter = \"gzip\" }}\n"
    )
}

fn read_all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before an error is what a test can look at.
    let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
    bytes
}

fn wait(child: &mut Child, line: &str) -> ExitStatus {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().expect("a child of this process") {
            return status;
        }
        if start.elapsed() > TIME_LIMIT {
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
            panic!("still running after {} seconds: {line}", TIME_LIMIT.as_secs());
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
