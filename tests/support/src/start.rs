//! What the starts of all servers have in common.

use std::{
    env,
    ffi::OsString,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    process,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use tempfile::TempDir;

use crate::{
    error::{ServerError, with_causes},
    http, ports,
    process::ServerProcess,
};

/// How many choices of ports are tried: another process may take a port before the server does.
const START_ATTEMPTS: u32 = 4;
/// A start takes a second or two on an idle machine; a busy one compiles at the same time.
const START_TIMEOUT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);
const LOG_TAIL: u64 = 2_000;

/// The server of a kind that the tests of this process share, for as long as any of them holds it.
pub(crate) struct Shared<S>(Mutex<Weak<S>>);

impl<S> Shared<S> {
    pub(crate) const fn none() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The server that is shared already, or else the one that the environment describes, or else a new one.
    ///
    /// # Panics
    ///
    /// When there is none and none can be started.
    pub(crate) fn get(
        &self,
        from_environment: impl FnOnce() -> Result<Option<S>, ServerError>,
        start: impl FnOnce() -> Result<S, ServerError>,
    ) -> Arc<S> {
        // The guarded value is replaced as a whole, so that a panic of another test leaves it sound.
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let found = from_environment().and_then(|server| server.map_or_else(start, Ok));
        let server = Arc::new(or_panic(found));
        *shared = Arc::downgrade(&server);
        server
    }
}

/// What came of a start.
///
/// # Panics
///
/// With the error and its causes.
pub(crate) fn or_panic<T>(outcome: Result<T, ServerError>) -> T {
    outcome.unwrap_or_else(|error| panic!("{}", with_causes(&error)))
}

/// Starts a server on ports that are free, and on others if it does not become ready there.
///
/// # Errors
///
/// [`ServerError::NotInstalled`] without the program, otherwise what the last start came to.
pub(crate) fn on_free_ports<S, const N: usize>(
    server: &'static str,
    program: &Path,
    mut start: impl FnMut([u16; N], TempDir) -> Result<S, ServerError>,
) -> Result<S, ServerError> {
    if !program.is_file() {
        return Err(ServerError::NotInstalled { path: program.to_owned() });
    }
    let mut attempt = 1;
    loop {
        let data = tempfile::Builder::new()
            // Short, because a path of a socket is at most some hundred bytes long.
            .prefix("persist-test-")
            .tempdir()
            .map_err(ServerError::io(format!("make a temporary directory for {server}")))?;
        let ports = ports::free_pairs().ok_or(ServerError::NoPorts { server, attempts: attempt })?;
        match start(ports, data) {
            Err(ServerError::Unexpected { .. }) if attempt < START_ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

/// Runs a server whose output goes to the file `log` in its directory, and waits until `ask` finds it ready. `question`
/// is what is asked, and the answer of a server that is.
///
/// # Errors
///
/// [`ServerError::Unexpected`] with the last answer, or the end of the log when the server ended.
pub(crate) fn run(
    server: &'static str,
    program: &Path,
    arguments: &[OsString],
    directory: &Path,
    question: (&str, &'static str),
    mut ask: impl FnMut() -> Result<(), String>,
) -> Result<ServerProcess, ServerError> {
    let path = directory.join("log");
    let mut log = File::options()
        .create(true)
        .read(true)
        .append(true)
        .open(&path)
        .map_err(ServerError::io(format!("make {}", path.display())))?;
    let process = ServerProcess::start(program, arguments, &log)
        .map_err(ServerError::io(format!("run {} for {server}", program.display())))?;
    let begin = Instant::now();
    loop {
        let ended = process.has_exited();
        let Err(mut found) = ask() else { return Ok(process) };
        if ended {
            found = format!("the server ended; the end of its log:\n{}", tail(&mut log));
        }
        if ended || begin.elapsed() > START_TIMEOUT {
            let (attempt, expected) = (question.0.to_owned(), question.1);
            return Err(ServerError::Unexpected { server, attempt, expected, found });
        }
        thread::sleep(POLL);
    }
}

/// Asks for a path by `GET`, for an answer with this status.
pub(crate) fn get(port: u16, path: &str, expected: u16) -> Result<(), String> {
    match http::status("GET", port, path) {
        Ok(status) if status == expected => Ok(()),
        Ok(status) => Err(format!("status {status}")),
        Err(error) => Err(error.to_string()),
    }
}

fn tail(log: &mut File) -> String {
    let mut bytes = Vec::new();
    let length = log.metadata().map_or(0, |metadata| metadata.len());
    // This only adds to an error that is reported anyway.
    let _ = log.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)));
    let _ = log.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// A name that is used only once: `prefix`, and what nobody else has.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Process ids come round again within a long run, so the time is part of the name.
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    format!("{prefix}-{now:x}-{:x}-{count:x}", process::id())
}

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The port of a running server whose address, `127.0.0.1:PORT`, a variable holds.
pub(crate) fn port_in(server: &'static str, name: &str) -> Result<Option<u16>, ServerError> {
    let Some(address) = variable(name) else { return Ok(None) };
    let port = address.strip_prefix("127.0.0.1:").and_then(|port| port.parse().ok());
    port.map(Some).ok_or_else(|| ServerError::Unexpected {
        server,
        attempt: format!("read {name}"),
        expected: "127.0.0.1:PORT",
        found: address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shared_while_it_is_held() {
        static SHARED: Shared<u32> = Shared::none();
        let first = SHARED.get(|| Ok(None), || Ok(1));
        assert_eq!(*SHARED.get(|| Ok(Some(2)), || Ok(3)), 1);
        drop(first);
        assert_eq!(*SHARED.get(|| Ok(Some(2)), || Ok(3)), 2);
    }

    #[test]
    fn a_clash_of_ports_is_tried_again_on_others() {
        let unready = || ServerError::Unexpected {
            server: "x",
            attempt: String::new(),
            expected: "an answer",
            found: String::new(),
        };
        let program = env::current_exe().unwrap();
        let mut tried = Vec::new();
        let started = on_free_ports("x", &program, |[port], _| {
            tried.push(port);
            if tried.len() < 3 { Err(unready()) } else { Ok(port) }
        });
        assert_eq!(started.unwrap(), tried[2]);
        assert!(tried[0] != tried[1] && tried[1] != tried[2]);
        let failed: Result<(), _> = on_free_ports("x", &program, |[_port], _| Err(unready()));
        assert!(matches!(failed, Err(ServerError::Unexpected { .. })));
        let absent: Result<(), _> = on_free_ports("x", Path::new("/nowhere/x"), |[_port], _| Ok(()));
        assert!(matches!(absent, Err(ServerError::NotInstalled { .. })));
    }
}
