//! Loads an unknown plugin in a process of its own, which it may take down.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use persist_plugin_api::Descriptor;

use super::single::LoadedPlugin;
use crate::Result;

/// How often the child is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How much of what the child printed is read, in bytes.
const OUTPUT_LIMIT: u64 = 4096;

/// Checks a file and loads it into *this* process, which a bad plugin may end. Returns the line that the command
/// `persist plugins probe FILE` prints, and by which its parent sees that the load came to its end.
///
/// # Errors
/// Of kind [`ErrorKind::Plugin`](crate::ErrorKind::Plugin), when the file is refused or cannot be loaded.
pub fn probe_in_this_process(path: &Path) -> Result<String> {
    Ok(verdict(LoadedPlugin::load(path)?.descriptor()))
}

/// The command that probes a file when its path is appended: this program's own hidden `plugins probe`.
///
/// # Errors
/// When the path of the running program is not known.
pub fn probe_command() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["plugins", "probe"]);
    Ok(command)
}

/// Runs the probe for a file. The error is a line for people.
pub(super) fn run(
    mut command: Command,
    path: &Path,
    descriptor: &Descriptor,
    time_limit: Duration,
) -> Result<(), String> {
    let (stdout, stderr) = match (tempfile::tempfile(), tempfile::tempfile()) {
        (Ok(stdout), Ok(stderr)) => (stdout, stderr),
        (Err(error), _) | (_, Err(error)) => return Err(format!("no temporary file can be made: {error}")),
    };
    // Files rather than pipes: a plugin that prints without end cannot make us wait.
    let started = stdout.try_clone().and_then(|out| {
        let err = stderr.try_clone()?;
        command.arg(path).stdin(Stdio::null()).stdout(out).stderr(err).spawn()
    });
    let child = started.map_err(|error| format!("the process that loads it cannot be started: {error}"))?;
    let Some(status) =
        wait(child, time_limit).map_err(|error| format!("waiting for its process failed: {error}"))?
    else {
        let seconds = time_limit.as_secs_f32();
        return Err(format!(
            "loading it took longer than {seconds} seconds; give it longer with --timeout, or do not use it"
        ));
    };
    if let Some(signal) = status.signal() {
        return Err(format!("loading it ended its process with signal {signal}; do not use it"));
    }
    let said = |mut file: File| -> String {
        let mut bytes = Vec::new();
        // Without its words the exit status still stands.
        let _ = file.rewind().and_then(|()| file.take(OUTPUT_LIMIT).read_to_end(&mut bytes));
        one_line(&String::from_utf8_lossy(&bytes))
    };
    if !status.success() {
        return Err(format!(
            "loading it failed with exit code {}: {}",
            status.code().unwrap_or(-1),
            said(stderr)
        ));
    }
    // An initialiser that calls exit(0) ends the process in good order, and proves nothing.
    if said(stdout) != verdict(descriptor) {
        return Err("it ended its process before it was loaded; do not use it".to_owned());
    }
    Ok(())
}

/// Waits for the child, and ends it when its time is over.
fn wait(mut child: Child, time_limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + time_limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// What an unknown program printed, fit for a terminal and for one line.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn verdict(descriptor: &Descriptor) -> String {
    format!("{} {}", descriptor.name, descriptor.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_does_not_end_is_ended() {
        let json = r#"{"name":"n","version":"1","protocol":1,"api":"1","rustc":"","panic_unwind":true,"adapters":[]}"#;
        let descriptor = Descriptor::parse(json.as_bytes()).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "exec sleep 600"]);
        let problem = run(command, Path::new("file"), &descriptor, Duration::from_millis(50)).unwrap_err();
        assert!(problem.contains("took longer"), "{problem}");
    }
}
