//! What the figures were made on, and when.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
};

use persist_test_support::profile_dir;

use crate::{
    error::{Error, Result},
    tools::{line, program},
};

/// The machine, the date and the profile, as lines of a list in Markdown.
pub(super) fn describe(profile: &str) -> Result<String> {
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok())
        .map_or_else(|| "unknown".to_owned(), |kib| format!("{:.0} GB", kib as f64 * 1024.0 / 1e9));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let target = profile_dir();
    let disk = said("stat", &["--file-system", "--format", "%T", &target.to_string_lossy()])?;
    Ok(format!(
        "- {}; Persist built in the profile {profile}\n\
         - {} processors ({processor}), {memory} of memory, Linux {}, file system {disk}\n",
        said("date", &["+%F"])?,
        thread::available_parallelism().map_or(1, usize::from),
        release.trim(),
    ))
}

/// The first line that a program prints, which must succeed.
pub(super) fn said(name: &str, arguments: &[&str]) -> Result<String> {
    first_line(program(name).args(arguments))
}

/// The same of a command that has more to it.
pub(super) fn first_line(command: &mut Command) -> Result<String> {
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let output = command.output().map_err(|source| Error::Start { line: line(command), source })?;
    if !output.status.success() {
        return Err(Error::Failed { line: line(command), status: output.status });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // zstd puts stars around its name.
    Ok(text.lines().next().unwrap_or_default().trim_matches([' ', '*']).to_owned())
}

/// The first value of a field in a file of the kernel's.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))?;
    Some(value.trim().to_owned())
}
