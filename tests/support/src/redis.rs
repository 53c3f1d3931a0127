//! Redis: a server, or a cluster of three, that writes down every change before it acknowledges it.

mod cluster;
mod programs;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    artifacts::redis_bin,
    error::ServerError,
    place::Place,
    process::ServerProcess,
    start::{self, Shared, on_free_ports, or_panic, port_in, unique},
};

pub use cluster::RedisCluster;
use programs::{client, library_path, make_certificate};

const NAME: &str = "Redis";
const ADDRESS_VARIABLE: &str = "PERSIST_TEST_REDIS_ADDRESS";

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
        static SHARED: Shared<Redis> = Shared::none();
        SHARED.get(Self::from_environment, Self::try_start)
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
        or_panic(Self::try_start_with(arguments, |_| Ok(())))
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
        or_panic(Self::try_start_with(&arguments, make_certificate))
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
        on_free_ports(NAME, &redis_bin(), |[port], data| {
            prepare(data.path())?;
            let directory = data.path().display().to_string();
            let arguments =
                arguments.iter().map(|argument| argument.replace("DIR", &directory).into()).collect();
            let mut server = Self { port, own: Some(Own { process: None, data, arguments }) };
            server.run().map(|()| server)
        })
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
        or_panic(self.run());
    }

    fn own(&mut self) -> &mut Own {
        self.own.as_mut().unwrap_or_else(|| panic!("another process started this server"))
    }

    fn run(&mut self) -> Result<(), ServerError> {
        let (port, own) = (self.port, self.own());
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
        let (env, question) = (Path::new("env"), ("PING", "PONG"));
        let process = start::run(NAME, env, &arguments, own.data.path(), question, || {
            match ask(port, tls, &["PING"]) {
                // A server that asks for a password is as ready.
                answer if answer == "PONG" || answer.contains("NOAUTH") => Ok(()),
                answer => Err(answer),
            }
        })?;
        own.process = Some(process);
        Ok(())
    }

    /// The server that the environment describes, if it describes one.
    fn from_environment() -> Result<Option<Self>, ServerError> {
        Ok(port_in(NAME, ADDRESS_VARIABLE)?.map(|port| Self { port, own: None }))
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
        ask(self.port, self.certificate().is_some(), command)
    }

    /// A prefix for keys that nobody else uses, which begins with `name`.
    #[must_use]
    pub fn prefix(name: &str) -> String {
        unique(name)
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

fn ask(port: u16, tls: bool, command: &[&str]) -> String {
    let mut client = client(port);
    if tls {
        client.args(["--tls", "--insecure"]);
    }
    let output = client.args(command).output();
    let output = output.unwrap_or_else(|error| panic!("redis-cli does not start: {error}"));
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&text).trim().to_owned()
}
