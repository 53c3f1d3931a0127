//! What processes take, as the kernel accounts for it.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    tools::{line, program, run as run_command},
};

/// A process to run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Call {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, PathBuf>,
    pub(super) directory: PathBuf,
    /// Where its output goes; nowhere unless said.
    pub(super) output: Option<PathBuf>,
}

/// What some processes took, one after the other.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Measured {
    pub(super) wall_s: f64,
    /// Of user and system together, in all threads and descendants.
    pub(super) cpu_s: f64,
    /// The most memory that one of them had at a time.
    pub(super) peak_bytes: u64,
}

/// Measures calls in a process between, for the kernel keeps but one account of all children that a process ever had, and a
/// child's begins with the memory of its parent.
pub(super) fn measured(calls: &[Call], scratch: &Path) -> Result<Measured> {
    let file = scratch.with_extension("calls.json");
    let text = serde_json::to_vec(calls)
        .map_err(|source| Error::Figures { line: file.display().to_string(), source })?;
    fs::write(&file, text).map_err(Error::io(format!("write {}", file.display())))?;
    let myself = env::current_exe().map_err(Error::io("find xtask itself"))?;
    let mut between = program(myself);
    between.arg("measure").arg(&file).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let output = between.output().map_err(|source| Error::Start { line: line(&between), source })?;
    if !output.status.success() {
        return Err(Error::Failed { line: line(&between), status: output.status });
    }
    serde_json::from_slice(&output.stdout).map_err(|source| Error::Figures { line: line(&between), source })
}

/// Runs the calls in a file and prints what they took: the process between.
pub(crate) fn run(file: &Path) -> Result<()> {
    let attempt = || format!("read {}", file.display());
    let text = fs::read(file).map_err(Error::io(attempt()))?;
    let calls: Vec<Call> =
        serde_json::from_slice(&text).map_err(|source| Error::Figures { line: attempt(), source })?;
    let begin = Instant::now();
    for call in &calls {
        call.run()?;
    }
    let wall = begin.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|errno| Error::io("ask what the processes took")(errno.into()))?;
    let measured = Measured {
        wall_s: wall.as_secs_f64(),
        cpu_s: (duration(usage.user_time()) + duration(usage.system_time())).as_secs_f64(),
        // The kernel counts in KiB.
        peak_bytes: u64::try_from(usage.max_rss()).unwrap_or_default() * 1024,
    };
    println!("{}", serde_json::json!(measured));
    Ok(())
}

impl Call {
    pub(super) fn new(program: impl Into<PathBuf>, directory: &Path) -> Self {
        Self { program: program.into(), directory: directory.to_owned(), ..Self::default() }
    }

    pub(super) fn args<S: AsRef<std::ffi::OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        let words = arguments.into_iter().map(|word| word.as_ref().to_string_lossy().into_owned());
        self.arguments.extend(words);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl Into<PathBuf>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn into_file(mut self, output: PathBuf) -> Self {
        self.output = Some(output);
        self
    }

    pub(super) fn run(&self) -> Result<()> {
        let mut command = self.command();
        match &self.output {
            Some(path) => {
                let file = File::create(path).map_err(Error::io(format!("make {}", path.display())))?;
                command.stdout(file);
            }
            None => {
                command.stdout(Stdio::null());
            }
        }
        run_command(&mut command)
    }

    pub(super) fn command(&self) -> Command {
        let mut command = program(&self.program);
        command.args(&self.arguments).envs(&self.environment).current_dir(&self.directory);
        command
    }
}

fn duration(time: TimeVal) -> Duration {
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec())) + Duration::from_micros(part(time.tv_usec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_survives_the_way_through_a_file() {
        let call = Call::new("gzip", Path::new("/work")).args(["-6", "a b"]).env("HOME", "/home");
        let call = call.into_file(PathBuf::from("/out"));
        let text = serde_json::to_string(&call).expect("it is written");
        let back: Call = serde_json::from_str(&text).expect("it is read");
        assert_eq!(format!("{back:?}"), format!("{call:?}"));
        assert_eq!(back.command().get_args().collect::<Vec<_>>(), ["-6", "a b"]);
    }
}
