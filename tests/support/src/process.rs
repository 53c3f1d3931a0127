//! A server's process, which ends no later than the process that started it.

use std::{
    ffi::OsString,
    fs::File,
    io,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

const EXIT_POLL: Duration = Duration::from_millis(200);

/// A running server. Dropping it kills the server and waits until it is gone.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
    id: u32,
}

impl ServerProcess {
    /// Starts `program` with standard output and error going to the file `log`.
    ///
    /// A test that is killed runs no destructors, so on Linux the kernel is asked, through `setpriv` of
    /// util-linux, to kill the server when its parent ends. "Parent" there means the *thread*
    /// that started it, and a test's thread is short-lived: a thread of its own keeps the server.
    pub(crate) fn start(program: &Path, arguments: &[OsString], log: &File) -> io::Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program);
        redirect(&mut command, arguments, log)?;
        let mut direct = Command::new(program);
        redirect(&mut direct, arguments, log)?;

        let (stop, stopped) = mpsc::channel::<()>();
        let (started, start) = mpsc::sync_channel(1);
        let keeper = thread::Builder::new().name("server-keeper".to_owned()).spawn(move || {
            let spawned = match command.spawn() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => direct.spawn(),
                other => other,
            };
            match spawned {
                Ok(child) => {
                    // The receiver waits for exactly this message.
                    let _ = started.send(Ok(child.id()));
                    keep(child, &stopped);
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        })?;
        let id =
            start.recv().map_err(|_| io::Error::other("the thread that starts the server ended early"))??;
        Ok(Self { stop: Some(stop), keeper: Some(keeper), id })
    }

    /// The process id, which is the server's own: `setpriv` replaces itself by the server.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Whether the server ended by itself.
    pub(crate) fn has_exited(&self) -> bool {
        self.keeper.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            // A keeper that panicked has nothing left to be told.
            let _ = keeper.join();
        }
    }
}

fn redirect(command: &mut Command, arguments: &[OsString], log: &File) -> io::Result<()> {
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
    Ok(())
}

/// Returns when the server ended, or kills it when its owner lets go.
fn keep(mut child: Child, stopped: &mpsc::Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EXIT_POLL) {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
    }
    // The data is temporary, so there is nothing that a gentle stop would save. Both calls fail only when
    // the process is gone already.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn sleep(seconds: &str) -> ServerProcess {
        let log = tempfile::tempfile().expect("a temporary file");
        ServerProcess::start(Path::new("sleep"), &[seconds.into()], &log).expect("sleep starts")
    }

    fn runs(id: u32) -> bool {
        Path::new(&format!("/proc/{id}")).exists()
    }

    #[test]
    fn dropping_ends_the_process() {
        let process = sleep("600");
        let id = process.id();
        assert!(runs(id));
        drop(process);
        assert!(!runs(id));
    }

    #[test]
    fn it_outlives_the_thread_that_asked_for_it() {
        let process = thread::spawn(|| sleep("600")).join().expect("the thread ends well");
        thread::sleep(Duration::from_millis(300));
        assert!(!process.has_exited());
    }

    #[test]
    fn an_early_end_is_seen() {
        let process = sleep("0");
        let begin = Instant::now();
        while !process.has_exited() {
            assert!(begin.elapsed() < Duration::from_secs(30));
            thread::sleep(Duration::from_millis(20));
        }
    }
}
