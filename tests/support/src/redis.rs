//! Redis: a server, or a cluster of three, that writes down every change before it acknowledges it.

mod cluster;
mod programs;

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    artifacts::redis_bin,
    error::{ServerError, with_causes},
    place::Place,
    ports,
    process::ServerProcess,
};

pub use cluster::RedisCluster;
use programs::{client, library_path, make_certificate};

const NAME: &str = "Redis";
const ADDRESS_VARIABLE: &str = "PERSIST_TEST_REDIS_ADDRESS";
const START_TIMEOUT: Duration = Duration::from_secs(60);
const START_ATTEMPTS: u32 = 4;
const POLL: Duration = Duration::from_millis(20);

/// A running Redis on 127.0.0.1.
///
/// A server that this process started ends, and its data is removed, when the last handle is dropped, and also
/// when the process is killed (its data then stays in the temporary directory).
#[derive(Debug)]
pub struct Redis {
    port: u16,
    own: Option<Own>,
}

/// What there is to clean up. The process comes first: it must be gone before its directory goes.
#[derive(Debug)]
struct Own {
    process: Option<ServerProcess>,
    data: TempDir,
    /// The user's arguments.
    arguments: Vec<OsString>,
}

impl Redis {
    /// The server that the tests of a run share: the one `cargo xtask test` started, or else one for as long as
    /// any test of this process holds it. It writes every change to the disk before it acknowledges it.
    ///
    /// Tests keep apart by [a prefix](Self::prefix) each.
    ///
    /// # Panics
    ///
    /// When there is no server and none can be started; the message says what to do.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Redis>> = Mutex::new(Weak::new());
        // The guarded value is replaced as a whole, so that a panic of another test leaves it sound.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = match Self::from_environment() {
            Ok(Some(server)) => Arc::new(server),
            Ok(None) => Arc::new(Self::start()),
            Err(error) => panic!("{}", with_causes(&error)),
        };
        *shared = Arc::downgrade(&server);
        server
    }

    /// Starts a server of the caller's own, such as one that a test stops in order to see what happens.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start; the message says what to do.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server of the caller's own with further arguments, such as `--requirepass`. `DIR` in them stands for its
    /// data directory, and they count more than what is usual here.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::try_start_with(arguments, |_| Ok(())).unwrap_or_else(|error| panic!("{}", with_causes(&error)))
    }

    /// Starts a server that speaks TLS alone, with a certificate for 127.0.0.1 whose authority is in
    /// [`certificate`](Self::certificate). It is made with `openssl`.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start), or when there is no `openssl`.
    #[must_use]
    pub fn start_with_tls() -> Self {
        let arguments = [
            "--tls-cert-file",
            "DIR/certificate.pem",
            "--tls-key-file",
            "DIR/key.pem",
            "--tls-ca-cert-file",
            "DIR/certificate.pem",
            "--tls-auth-clients",
            "no",
        ];
        Self::try_start_with(&arguments, make_certificate)
            .unwrap_or_else(|error| panic!("{}", with_causes(&error)))
    }

    /// Starts a server, or tells why it cannot.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when the executable is missing, no ports are free, or the server does not become ready.
    pub fn try_start() -> Result<Self, ServerError> {
        Self::try_start_with(&[], |_| Ok(()))
    }

    fn try_start_with(
        arguments: &[&str],
        prepare: fn(&Path) -> Result<(), ServerError>,
    ) -> Result<Self, ServerError> {
        let program = redis_bin();
        if !program.is_file() {
            return Err(ServerError::NotInstalled { path: program });
        }
        let mut attempt = 1;
        loop {
            let data = tempfile::Builder::new()
                .prefix("persist-redis-")
                .tempdir()
                .map_err(ServerError::io("make a temporary directory for Redis"))?;
            prepare(data.path())?;
            let directory = data.path().display().to_string();
            let arguments =
                arguments.iter().map(|argument| argument.replace("DIR", &directory).into()).collect();
            let [port] =
                ports::free_pairs().ok_or(ServerError::NoPorts { server: NAME, attempts: START_ATTEMPTS })?;
            let mut server = Self { port, own: Some(Own { process: None, data, arguments }) };
            match server.run() {
                // Another process may have taken the port in the meantime.
                Err(ServerError::Unexpected { .. }) if attempt < START_ATTEMPTS => attempt += 1,
                outcome => return outcome.map(|()| server),
            }
        }
    }

    /// Kills the server, as a crash does, and leaves its data.
    ///
    /// # Panics
    ///
    /// When another process started it.
    pub fn kill(&mut self) {
        self.own().process = None;
    }

    /// Starts the server again, on the same port and with the data that it left.
    ///
    /// # Panics
    ///
    /// When another process started it, or it does not start.
    pub fn restart(&mut self) {
        self.kill();
        self.run().unwrap_or_else(|error| panic!("{}", with_causes(&error)));
    }

    fn own(&mut self) -> &mut Own {
        self.own.as_mut().unwrap_or_else(|| panic!("another process started this server"))
    }

    fn run(&mut self) -> Result<(), ServerError> {
        let (port, own) = (self.port, self.own());
        let log_path = own.data.path().join("log");
        let log = File::options().create(true).append(true).open(&log_path);
        let log = log.map_err(ServerError::io(format!("make {}", log_path.display())))?;
        let program = redis_bin();
        let tls = own.data.path().join("key.pem").is_file();
        let listen = if tls { ["--port", "0", "--tls-port"] } else { ["--tls-port", "0", "--port"] };
        let mut arguments: Vec<OsString> = vec![library_path(&program), program.clone().into()];
        arguments.extend(
            ["--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always"].map(Into::into),
        );
        arguments.extend(["--save", "", "--dir"].map(Into::into));
        arguments.push(own.data.path().into());
        arguments.extend(own.arguments.iter().cloned());
        arguments.extend(listen.map(Into::into));
        arguments.push(port.to_string().into());
        let process = ServerProcess::start(Path::new("env"), &arguments, &log)
            .map_err(ServerError::io(format!("run {}", program.display())))?;
        own.process = Some(process);
        self.wait_until_ready(&log_path)
    }

    fn wait_until_ready(&self, log: &Path) -> Result<(), ServerError> {
        let begin = Instant::now();
        let mut found = String::new();
        while begin.elapsed() < START_TIMEOUT {
            found = self.ask(&["PING"]);
            // A server that asks for a password is as ready.
            if found == "PONG" || found.contains("NOAUTH") {
                return Ok(());
            }
            let process = self.own.as_ref().and_then(|own| own.process.as_ref());
            if process.is_some_and(ServerProcess::has_exited) {
                found =
                    format!("the server ended; its log:\n{}", fs::read_to_string(log).unwrap_or_default());
                break;
            }
            thread::sleep(POLL);
        }
        Err(ServerError::Unexpected { server: NAME, attempt: "PING".to_owned(), expected: "PONG", found })
    }

    /// The server that the environment describes, if it describes one.
    fn from_environment() -> Result<Option<Self>, ServerError> {
        let Some(address) = env::var(ADDRESS_VARIABLE).ok().filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let port = address.strip_prefix("127.0.0.1:").and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| ServerError::Unexpected {
            server: NAME,
            attempt: format!("read {ADDRESS_VARIABLE}"),
            expected: "127.0.0.1:PORT",
            found: address,
        })?;
        Ok(Some(Self { port, own: None }))
    }

    /// The environment variables by which tests in other processes find this server.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 1] {
        [(ADDRESS_VARIABLE, format!("127.0.0.1:{}", self.port))]
    }

    /// The port that it listens on, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's URL, without a password.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.certificate().is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The file with the certificate of a server that speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<PathBuf> {
        let path = self.own.as_ref()?.data.path().join("certificate.pem");
        path.is_file().then_some(path)
    }

    /// The id of the server's process, for tests that suspend or kill it; `None` for a server that another
    /// process started.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        Some(self.own.as_ref()?.process.as_ref()?.id())
    }

    /// Asks the server by `redis-cli`, which shares nothing with the client that the plugin uses. Errors are answers like
    /// any other.
    #[must_use]
    pub fn ask(&self, command: &[&str]) -> String {
        let mut client = client(self.port);
        if self.certificate().is_some() {
            client.args(["--tls", "--insecure"]);
        }
        let output = client.args(command).output();
        let output = output.unwrap_or_else(|error| panic!("redis-cli does not start: {error}"));
        let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// A prefix for keys that nobody else uses, which begins with `name`.
    #[must_use]
    pub fn prefix(name: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Process ids come round again within a long run, so the time is part of the name.
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        format!("{name}-{now:x}-{:x}-{count:x}", process::id())
    }

    /// A new prefix as a [`Place`].
    #[must_use]
    pub fn place(self: &Arc<Self>, prefix: &str) -> Place {
        Place {
            adapter: "redis",
            options: json!({
                "url": self.url(), "prefix": Self::prefix(prefix),
                "retry": {"initial_backoff_ms": 10, "max_backoff_ms": 200},
            }),
            environment: Vec::new(),
            address: ([127, 0, 0, 1], self.port).into(),
            server: Arc::clone(self) as _,
        }
    }
}
