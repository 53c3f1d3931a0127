//! What the emulators of cloud services have in common: one process, one port, plain HTTP, data in a temporary directory.

use std::{
    env,
    ffi::OsString,
    fs::File,
    io::{Read, Seek, SeekFrom},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use tempfile::TempDir;

use crate::{error::ServerError, http, ports, process::ServerProcess};

/// A start takes a second on an idle machine; a busy one compiles at the same time.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const START_ATTEMPTS: u32 = 4;
const READY_POLL: Duration = Duration::from_millis(50);
const LOG_TAIL: u64 = 2_000;

/// How an emulator is started and found.
pub(crate) struct Kind {
    /// The server's name.
    pub(crate) name: &'static str,
    /// The variable that names the port of a running one.
    pub(crate) variable: &'static str,
    /// A request, and the status of its answer that shows that the server works.
    pub(crate) ready: (&'static str, u16),
    /// What must be there for it to start.
    pub(crate) installed: fn() -> PathBuf,
    /// The program and its arguments, for a port and a directory.
    pub(crate) command: fn(u16, &Path) -> (PathBuf, Vec<OsString>),
}

/// A running emulator.
#[derive(Debug)]
pub(crate) struct Emulator {
    port: u16,
    own: Option<Own>,
}

/// What there is to clean up. The process comes first: it must be gone before its directory goes.
#[derive(Debug)]
struct Own {
    process: Option<ServerProcess>,
    data: TempDir,
}

impl Emulator {
    pub(crate) fn start(kind: &Kind) -> Result<Self, ServerError> {
        let installed = (kind.installed)();
        if !installed.is_file() {
            return Err(ServerError::NotInstalled { path: installed });
        }
        let mut attempt = 1;
        loop {
            let [port] = ports::free_pairs()
                .ok_or(ServerError::NoPorts { server: kind.name, attempts: START_ATTEMPTS })?;
            let data = tempfile::Builder::new()
                .prefix("persist-emulator-")
                .tempdir()
                .map_err(ServerError::io(format!("make a temporary directory for {}", kind.name)))?;
            match run(kind, port, data.path()) {
                Ok(process) => return Ok(Self { port, own: Some(Own { process: Some(process), data }) }),
                // Another process may have taken the port in the meantime: a new one is all it takes.
                Err(ServerError::Unexpected { .. }) if attempt < START_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The emulator that the environment describes, if it describes one.
    pub(crate) fn from_environment(kind: &Kind) -> Result<Option<Self>, ServerError> {
        let Some(text) = env::var(kind.variable).ok().filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let port = text.parse().map_err(|_| ServerError::Unexpected {
            server: kind.name,
            attempt: format!("read {}", kind.variable),
            expected: "a port",
            found: text.clone(),
        })?;
        Ok(Some(Self { port, own: None }))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn process_id(&self) -> Option<u32> {
        self.own.as_ref()?.process.as_ref().map(ServerProcess::id)
    }

    /// Kills the server and leaves its data.
    pub(crate) fn kill(&mut self) {
        if let Some(own) = &mut self.own {
            own.process = None;
        }
    }

    /// Starts it anew, on the same port and the same data.
    pub(crate) fn restart(&mut self, kind: &Kind) -> Result<(), ServerError> {
        self.kill();
        if let Some(own) = &mut self.own {
            own.process = Some(run(kind, self.port, own.data.path())?);
        }
        Ok(())
    }
}

/// A name that is used only once: `prefix`, and what nobody else has.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Process ids come round again within a long run, so the time is part of the name.
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    format!("{prefix}-{now:x}-{:x}-{count:x}", process::id())
}

fn run(kind: &Kind, port: u16, directory: &Path) -> Result<ServerProcess, ServerError> {
    let log_path = directory.join("log");
    let mut log = File::options()
        .create(true)
        .read(true)
        .append(true)
        .open(&log_path)
        .map_err(ServerError::io(format!("make {}", log_path.display())))?;
    let (program, arguments) = (kind.command)(port, directory);
    let process = ServerProcess::start(&program, &arguments, &log)
        .map_err(ServerError::io(format!("run {}", program.display())))?;
    let (path, expected) = kind.ready;
    let begin = Instant::now();
    let mut found = String::new();
    while begin.elapsed() < START_TIMEOUT {
        match http::status("GET", port, path) {
            Ok(status) if status == expected => return Ok(process),
            Ok(status) => found = format!("status {status}"),
            Err(error) => found = error.to_string(),
        }
        if process.has_exited() {
            found = format!("the server ended; the end of its log:\n{}", tail(&mut log));
            break;
        }
        thread::sleep(READY_POLL);
    }
    Err(ServerError::Unexpected {
        server: kind.name,
        attempt: format!("GET http://127.0.0.1:{port}{path}"),
        expected: "the answer of a server that is ready",
        found,
    })
}

fn tail(log: &mut File) -> String {
    let mut bytes = Vec::new();
    let length = log.metadata().map_or(0, |metadata| metadata.len());
    // This only adds to an error that is reported anyway.
    let _ = log.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)));
    let _ = log.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
