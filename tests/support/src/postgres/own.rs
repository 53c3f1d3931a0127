//! A server that this process started.

use std::{
    process::{Command, ExitStatus},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{POLL, programs::Programs};
use crate::process::ServerProcess;

const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// What there is to clean up. The process comes first: it must be gone before its directory goes.
#[derive(Debug)]
pub(super) struct Own {
    process: Mutex<Option<ServerProcess>>,
    pub(super) programs: Programs,
    pub(super) data: TempDir,
}

impl Own {
    /// A server that is not running yet.
    pub(super) fn new(programs: Programs, data: TempDir) -> Self {
        Self { process: Mutex::new(None), programs, data }
    }

    /// Its first process, while it runs.
    pub(super) fn process(&self) -> MutexGuard<'_, Option<ServerProcess>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all of the server's processes without a word to its clients. The first one is not killed outright, since the
    /// kernel would keep a piece of its shared memory for ever.
    pub(super) fn stop(&self) {
        let mut process = self.process();
        if let Some(running) = process.as_ref() {
            let signal =
                Command::new("sh").args(["-c", "kill -QUIT \"$0\"", &running.id().to_string()]).status();
            let begin = Instant::now();
            while signal.as_ref().is_ok_and(ExitStatus::success)
                && !running.has_exited()
                && begin.elapsed() < STOP_TIMEOUT
            {
                thread::sleep(POLL);
            }
        }
        *process = None;
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.stop();
    }
}
