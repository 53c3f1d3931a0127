//! fake-gcs-server: an emulator of Google Cloud Storage, which honours conditional writes and checks no credentials.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

use crate::{
    artifacts::fake_gcs_bin,
    emulator::{Emulator, Kind},
    error::ServerError,
    http,
    place::Place,
    start::{Shared, or_panic, unique},
};

const KIND: Kind = Kind {
    name: "fake-gcs-server",
    variable: "PERSIST_TEST_FAKE_GCS_ADDRESS",
    ready: ("/storage/v1/b?project=test", 200),
    installed: fake_gcs_bin,
    command,
};

/// A running fake-gcs-server on 127.0.0.1, with its data in memory.
///
/// A server that this process started ends when the last handle is dropped.
#[derive(Debug)]
pub struct FakeGcs(Emulator);

impl FakeGcs {
    /// The server that the tests of a run share: the one `cargo xtask test` started, or else one for as long as any test
    /// of this process holds it. Tests keep apart by [making a bucket](Self::create_bucket) each.
    ///
    /// # Panics
    ///
    /// When there is no server and none can be started; the message says what to do.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Shared<FakeGcs> = Shared::none();
        SHARED.get(|| Ok(Emulator::from_environment(&KIND)?.map(Self)), Self::try_start)
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
    /// [`ServerError`] when it is not installed, no port is free, or it does not become ready.
    pub fn try_start() -> Result<Self, ServerError> {
        Emulator::start(&KIND).map(Self)
    }

    /// The environment variables by which tests in other processes find this server.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 1] {
        [(KIND.variable, self.0.address().to_string())]
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// The URL of the service.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.address())
    }

    /// The id of the server's process; `None` for a server that another process started.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.0.process_id()
    }

    /// Kills a server of the caller's own. Its data, which is in memory, is lost.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// Starts it anew, on the same port and without data.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        or_panic(self.0.restart(&KIND));
    }

    /// Makes an empty bucket and returns its name, which begins with `prefix` and is used only once.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[must_use]
    pub fn create_bucket(&self, prefix: &str) -> String {
        let name = unique(prefix);
        self.create_bucket_named(&name);
        name
    }

    /// Makes an empty bucket of a name.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub fn create_bucket_named(&self, name: &str) {
        let body = json!({ "name": name }).to_string();
        match http::post(self.address().port(), "/storage/v1/b?project=test", &body) {
            Ok(200) => {}
            Ok(status) => panic!("cannot make bucket {name}: expected status 200, found {status}"),
            Err(error) => panic!("cannot make bucket {name}: {error}"),
        }
    }

    /// A new bucket as a [`Place`].
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[must_use]
    pub fn place(self: &Arc<Self>, prefix: &str) -> Place {
        Place {
            adapter: "gcs",
            options: json!({
                "bucket": self.create_bucket(prefix), "endpoint": self.endpoint(), "allow_anonymous": true,
                "retry": {"initial_backoff_ms": 10, "max_backoff_ms": 200},
            }),
            // For configs that do not name the endpoint.
            environment: vec![("STORAGE_EMULATOR_HOST", self.endpoint())],
            address: self.address(),
            server: Arc::clone(self) as _,
        }
    }
}

fn command(port: u16, _: &Path) -> (PathBuf, Vec<OsString>) {
    let url = format!("http://127.0.0.1:{port}");
    let arguments = [
        "-scheme",
        "http",
        "-backend",
        "memory",
        "-host",
        "127.0.0.1",
        "-log-level",
        "error",
        "-port",
        &port.to_string(),
        "-external-url",
        &url,
        "-public-host",
        url.trim_start_matches("http://"),
    ];
    (fake_gcs_bin(), arguments.map(OsString::from).into())
}
