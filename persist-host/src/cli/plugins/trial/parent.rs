//! Runs the process that may crash, and reads what it came to.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::super::super::context::Context;
use super::{Event, Request};

/// How often the process is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How much of what the process printed is read, in bytes.
const WORDS_LIMIT: usize = 2048;

/// What a process did before its end.
pub(in super::super) struct Ran {
    /// What it said, in order. A last line that was cut off is left out.
    pub(in super::super) events: Vec<Event>,
    /// Why it ended before it was done, for people; `None` if all went well.
    pub(in super::super) ended: Option<String>,
}

/// Has a plugin tried in a process of its own, which is ended when it says nothing for as long as the time limit.
///
/// # Errors
/// When the process cannot be started or watched.
pub(in super::super) async fn run(
    mut command: Command,
    request: &Request,
    time_limit: Duration,
) -> io::Result<Ran> {
    // Files rather than pipes: a plugin that prints without end cannot make us wait.
    let (mut stdin, stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?, tempfile::tempfile()?);
    stdin.write_all(&serde_json::to_vec(request)?)?;
    stdin.rewind()?;
    let child = command.stdin(stdin).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?).spawn()?;
    let status = watch(Running(child), &stdout, time_limit).await?;
    let events = read_events(&stdout)?;
    let ended = match status {
        None => Some(format!(
            "it took longer than {} s, and its process was ended; give it longer with --timeout, or do not use it",
            time_limit.as_secs()
        )),
        Some(status) if status.success() && events.last() == Some(&Event::Finished) => None,
        Some(status) => Some(end(status, &stderr)?),
    };
    Ok(Ran { events, ended })
}

/// The command that tries a plugin: this program's own hidden `plugins try`.
pub(in super::super) fn command(file: &Path, context: &Context) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    context.pass_on(&mut command);
    command.args(["plugins", "try"]).arg(file);
    Ok(command)
}

/// A process that is ended when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and then neither succeeds nor matters.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for the end; `None` if nothing was said for too long.
async fn watch(mut child: Running, stdout: &File, time_limit: Duration) -> io::Result<Option<ExitStatus>> {
    let (mut said, mut last) = (0, Instant::now());
    loop {
        if let Some(status) = child.0.try_wait()? {
            return Ok(Some(status));
        }
        let length = stdout.metadata()?.len();
        if length > said {
            (said, last) = (length, Instant::now());
        } else if last.elapsed() >= time_limit {
            return Ok(None);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn read_events(stdout: &File) -> io::Result<Vec<Event>> {
    let length = usize::try_from(stdout.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    stdout.read_exact_at(&mut bytes, 0)?;
    Ok(bytes.split(|byte| *byte == b'\n').map_while(|line| serde_json::from_slice(line).ok()).collect())
}

/// How a process ended that should not have, in one line.
fn end(status: ExitStatus, stderr: &File) -> io::Result<String> {
    if let Some(signal) = status.signal() {
        return Ok(format!("it ended its process with signal {signal}; do not use it"));
    }
    let code = status.code().unwrap_or(-1);
    if code == 0 {
        return Ok("it ended its process as if all were well; do not use it".to_owned());
    }
    let mut bytes = vec![0; WORDS_LIMIT];
    let length = stderr.read_at(&mut bytes, 0)?;
    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    Ok(format!("it ended its process with exit code {code}: {}", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    async fn ran(script: &str) -> Ran {
        let request = Request { jobs: Vec::new(), except: Vec::new() };
        run(shell(script), &request, Duration::from_millis(300)).await.unwrap()
    }

    #[tokio::test]
    async fn each_end_is_told_apart_and_what_was_said_before_is_kept() {
        let begin = r#"echo '{"begin":{"job":0,"step":"open"}}'"#;
        for (script, expected) in [
            ("exec sleep 600", "longer than"),
            ("kill -ABRT $$", "signal 6"),
            ("echo no >&2; exit 3", "exit code 3: no"),
            ("exit 0", "as if all were well"),
        ] {
            let ran = ran(&format!("{begin}; printf '{{\"be'; {script}")).await;
            assert_eq!(ran.events, [Event::Begin { job: 0, step: "open".to_owned() }], "{script}");
            let ended = ran.ended.unwrap();
            assert!(ended.contains(expected), "{script}: {ended}");
        }
        assert!(ran("echo '\"finished\"'").await.ended.is_none());
    }

    #[tokio::test]
    async fn a_process_that_goes_on_saying_something_is_not_ended() {
        let ran =
            ran("for i in 1 2 3 4 5 6; do sleep 0.1; echo '\"clean\"'; done; echo '\"finished\"'").await;
        assert_eq!((ran.ended, ran.events.len()), (None, 7));
    }
}
