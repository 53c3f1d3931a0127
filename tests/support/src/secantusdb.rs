//! SecantusDB: a server that speaks MongoDB's protocol. It stands in for MongoDB, which cannot be had everywhere.

use std::{
    ffi::OsString,
    io::{self, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    artifacts::secantusdb_bin,
    error::ServerError,
    place::Place,
    process::ServerProcess,
    start::{self, Shared, on_free_ports, or_panic, port_in, unique},
};

const NAME: &str = "SecantusDB";
const ADDRESS_VARIABLE: &str = "PERSIST_TEST_MONGODB_ADDRESS";
/// The question `{ping: 1, $db: "admin"}` as MongoDB's protocol has it: length, request id, no answer to, the code of
/// `OP_MSG`, flags, and one section with a BSON document.
const PING: &[u8] = b"\x33\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00\x00\x00\x00\x00\x00\
    \x1e\x00\x00\x00\x10ping\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00";

/// A running SecantusDB on 127.0.0.1 that writes every change to the disk before it acknowledges it.
///
/// A server that this process started ends, and its data is removed, when the last handle is dropped, and also
/// when the process is killed (its data then stays in the temporary directory).
#[derive(Debug)]
pub struct SecantusDb {
    port: u16,
    own: Option<Own>,
}

/// What there is to clean up. The process comes first: it must be gone before its directory goes.
#[derive(Debug)]
struct Own {
    process: Option<ServerProcess>,
    data: TempDir,
    arguments: Vec<&'static str>,
}

impl SecantusDb {
    /// The server that the tests of a run share: the one `cargo xtask test` started, or else one for as long as
    /// any test of this process holds it.
    ///
    /// Tests keep apart by [a database](Self::database) each.
    ///
    /// # Panics
    ///
    /// When there is no server and none can be started; the message says what to do.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Shared<SecantusDb> = Shared::none();
        SHARED.get(Self::from_environment, Self::try_start)
    }

    /// Starts a server of the caller's own, such as one that a test stops in order to see what happens.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start; the message says what to do.
    #[must_use]
    pub fn start() -> Self {
        or_panic(Self::try_start())
    }

    /// Starts a server, or tells why it cannot.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when the executable is missing, no ports are free, or the server does not become ready.
    pub fn try_start() -> Result<Self, ServerError> {
        on_free_ports(NAME, &secantusdb_bin(), |[port], data| {
            let mut server = Self { port, own: Some(Own { process: None, data, arguments: Vec::new() }) };
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

    /// Starts the server again, so that it asks for user and password.
    ///
    /// # Panics
    ///
    /// As [`restart`](Self::restart).
    pub fn restart_with_authentication(&mut self) {
        self.own().arguments = vec!["--auth"];
        self.restart();
    }

    fn own(&mut self) -> &mut Own {
        self.own.as_mut().unwrap_or_else(|| panic!("another process started this server"))
    }

    fn run(&mut self) -> Result<(), ServerError> {
        let (port, own) = (self.port, self.own());
        let program = secantusdb_bin();
        let mut packages = OsString::from("PYTHONPATH=");
        packages.push(program.parent().and_then(Path::parent).unwrap_or(&program));
        let mut arguments: Vec<OsString> = vec![packages, "python3".into(), program.into()];
        arguments.extend(["--host", "127.0.0.1", "--sync-on-commit", "--storage-path"].map(Into::into));
        arguments.push(own.data.path().join("data").into());
        arguments.extend(own.arguments.iter().map(Into::into));
        arguments.extend(["--port".into(), port.to_string().into()]);
        let (env, question) = (Path::new("env"), ("ping", "an answer"));
        let process = start::run(NAME, env, &arguments, own.data.path(), question, || {
            ping(port).map_err(|error| error.to_string())
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

    /// The server's connection string. It keeps clients from asking the server for its address, so that a proxy can stand
    /// between them.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)
    }

    /// The port that it listens on, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The id of the server's process, for tests that suspend or kill it; `None` for a server that another
    /// process started.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        Some(self.own.as_ref()?.process.as_ref()?.id())
    }

    /// The name of a database that nobody else uses, which begins with `name`.
    #[must_use]
    pub fn database(name: &str) -> String {
        unique(name)
    }

    /// A new database as a [`Place`].
    #[must_use]
    pub fn place(self: &Arc<Self>, prefix: &str) -> Place {
        Place {
            adapter: "mongodb",
            options: json!({
                "uri": self.uri(), "database": Self::database(prefix),
                // After a failure the driver looks for the server each half second.
                "server_selection_timeout_ms": 1500,
                "retry": {"max_attempts": 3, "initial_backoff_ms": 10, "max_backoff_ms": 200},
            }),
            environment: Vec::new(),
            address: ([127, 0, 0, 1], self.port).into(),
            server: Arc::clone(self) as _,
        }
    }
}

/// Asks for a sign of life.
fn ping(port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(PING)?;
    stream.read_exact(&mut [0; 16])
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_question_has_the_length_that_it_says() {
        assert_eq!(super::PING.len(), usize::from(super::PING[0]));
        assert_eq!(super::PING.len() - 21, usize::from(super::PING[21]));
    }
}
