//! Counting the instructions of an operation with valgrind.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use persist_test_support::profile_dir;

use crate::{
    debian,
    error::{Error, Result},
    tools::{line, make_whole, program},
};

/// The program whose instructions are counted, in the directory of the development profile.
const PROGRAM: &str = "operation-cost";

/// What the program does, in its own words, and how that is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) codec: &'static str,
    pub(crate) watched: &'static str,
    /// How many are counted together.
    pub(crate) count: u64,
    /// How often each count is made. Tables in memory are seeded anew in each process, so that counts of what is short
    /// differ by up to a percent; the least of several is steady.
    pub(crate) runs: u64,
}

/// valgrind, as it is installed or as it was unpacked below the target directory.
pub(crate) struct Valgrind {
    program: PathBuf,
    /// Where its tools lie, if not where it expects them.
    tools: Option<PathBuf>,
}

impl Valgrind {
    /// Finds it, and unpacks Debian's package where it is missing.
    pub(crate) fn find() -> Result<Self> {
        let installed = Self { program: PathBuf::from("valgrind"), tools: None };
        if installed.version().is_ok() {
            return Ok(installed);
        }
        let directory = profile_dir().with_file_name("tools").join("valgrind");
        if !directory.is_dir() {
            make_whole(&directory, |partial| debian::install(&["valgrind"], partial))?;
        }
        // `valgrind` is a script there that calls this with an absolute path.
        let unpacked = Self {
            program: directory.join("usr/bin/valgrind.bin"),
            tools: Some(directory.join("usr/libexec/valgrind")),
        };
        unpacked.version()?;
        Ok(unpacked)
    }

    /// What it calls itself, with its version.
    pub(crate) fn version(&self) -> Result<String> {
        let mut version = self.command();
        version.arg("--version").stdout(Stdio::piped());
        let output = version.output().map_err(|source| Error::Start { line: line(&version), source })?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(Error::Failed { line: line(&version), status: output.status }),
        }
    }

    /// The instructions of one operation, on average; those of all threads count. What a process does beside the operation
    /// is the same in a run without any and in one with several, and cancels out.
    pub(crate) fn instructions(&self, operation: &Operation) -> Result<u64> {
        let none = self.least(operation, 0)?;
        let several = self.least(operation, operation.count)?;
        Ok(several.saturating_sub(none) / operation.count)
    }

    fn least(&self, operation: &Operation, count: u64) -> Result<u64> {
        let directory =
            tempfile::tempdir_in(profile_dir()).map_err(Error::io("make a temporary directory"))?;
        let runs = (0..operation.runs)
            .map(|run| self.collected(operation, count, &directory.path().join(run.to_string())));
        runs.collect::<Result<Vec<u64>>>().map(|counts| counts.into_iter().min().unwrap_or_default())
    }

    /// The instructions of a process that does so many.
    fn collected(&self, operation: &Operation, count: u64, directory: &Path) -> Result<u64> {
        let mut command = self.command();
        command
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(profile_dir().join(PROGRAM))
            .args([operation.name, operation.codec, operation.watched])
            .arg(directory)
            .arg(count.to_string())
            .stderr(Stdio::piped());
        let output = command.output().map_err(|source| Error::Start { line: line(&command), source })?;
        let text = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            eprint!("{text}");
            return Err(Error::Failed { line: line(&command), status: output.status });
        }
        let collected =
            text.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim());
        collected.and_then(|count| count.parse().ok()).ok_or_else(|| {
            Error::usage(format!("valgrind did not say how many instructions it counted:\n{text}"))
        })
    }

    fn command(&self) -> Command {
        let mut command = program(&self.program);
        if let Some(tools) = &self.tools {
            command.env("VALGRIND_LIB", tools);
        }
        command
    }
}
