//! A command from its start to its end, and what it left behind.

use std::{
    io::{Read, Write as _},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// After this a command counts as hanging.
const TIME_LIMIT: Duration = Duration::from_secs(120);

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
    pub fn of(command: Command, input: &[u8]) -> Self {
        Self::within(TIME_LIMIT, command, input)
    }

    /// As [`Output::of`], for a command that may take so long.
    ///
    /// # Panics
    ///
    /// As there.
    #[must_use]
    pub fn within(limit: Duration, mut command: Command, input: &[u8]) -> Self {
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
            let status = wait(&mut child, limit, &line);
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

fn read_all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before an error is what a test can look at.
    let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
    bytes
}

fn wait(child: &mut Child, limit: Duration, line: &str) -> ExitStatus {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().expect("a child of this process") {
            return status;
        }
        if start.elapsed() > limit {
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
            panic!("still running after {} seconds: {line}", limit.as_secs());
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
