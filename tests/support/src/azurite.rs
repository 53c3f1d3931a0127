//! Azurite: Microsoft's emulator of Azure Blob Storage, which checks signatures and honours conditional writes.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

use crate::{
    artifacts::azurite_script,
    emulator::{Emulator, Kind},
    error::ServerError,
    http,
    place::Place,
    start::{Shared, or_panic, unique},
};

const KIND: Kind = Kind {
    name: "Azurite",
    variable: "PERSIST_TEST_AZURITE_ADDRESS",
    // Without a signature.
    ready: ("/devstoreaccount1?comp=list", 403),
    installed: azurite_script,
    command,
};

/// The account and the key that every Azurite has; the documentation of Azure tells them.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Signatures that the key makes, of which the first allows all that tests do. They do not name a host.
const ALL: &str = "sv=2021-06-08&ss=b&srt=sco&sp=rwdlc&se=2100-01-01T00%3A00%3A00Z&spr=https%2Chttp&sig=Xh%2BznmZhX3DEddhv1G%2BSzm%2FUCYiUW8ZIvk2Xs7svrvE%3D";
const READ_ONLY: &str = "sv=2021-06-08&ss=b&srt=sco&sp=rl&se=2100-01-01T00%3A00%3A00Z&spr=https%2Chttp&sig=wLsJ09t8q5vH7ILc55GEtoVfWt5PdItwbnTvGDVqarE%3D";
const EXPIRED: &str = "sv=2021-06-08&ss=b&srt=sco&sp=rwdlc&se=2020-01-01T00%3A00%3A00Z&spr=https%2Chttp&sig=gF%2FPzdG3l%2FG89x09jYQUVOe4aTo6ekYJ8JO7Wn7VK5Q%3D";

/// A running Azurite on 127.0.0.1, with the account that it has by itself.
///
/// A server that this process started ends, and its data is removed, when the last handle is dropped.
#[derive(Debug)]
pub struct Azurite(Emulator);

impl Azurite {
    /// The server that the tests of a run share: the one `cargo xtask test` started, or else one for as long as any test
    /// of this process holds it. Tests keep apart by [making a container](Self::create_container) each.
    ///
    /// # Panics
    ///
    /// When there is no server and none can be started; the message says what to do.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Shared<Azurite> = Shared::none();
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

    /// The URL of the account.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}/{ACCOUNT}", self.0.address())
    }

    /// The name of the account.
    #[must_use]
    pub fn account(&self) -> &'static str {
        ACCOUNT
    }

    /// The key of the account.
    #[must_use]
    pub fn key(&self) -> &'static str {
        KEY
    }

    /// A shared access signature that allows everything.
    #[must_use]
    pub fn sas_token(&self) -> &'static str {
        ALL
    }

    /// One that allows to read and to list.
    #[must_use]
    pub fn read_only_sas_token(&self) -> &'static str {
        READ_ONLY
    }

    /// One that has expired.
    #[must_use]
    pub fn expired_sas_token(&self) -> &'static str {
        EXPIRED
    }

    /// The id of the server's process; `None` for a server that another process started.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.0.process_id()
    }

    /// Kills a server of the caller's own, and leaves its data.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// Starts it anew, on the same port.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        or_panic(self.0.restart(&KIND));
    }

    /// Makes an empty container and returns its name, which begins with `prefix` and is used only once.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[must_use]
    pub fn create_container(&self, prefix: &str) -> String {
        let name = unique(prefix);
        let path = format!("/{ACCOUNT}/{name}?restype=container&{ALL}");
        match http::status("PUT", self.address().port(), &path) {
            Ok(201) => name,
            Ok(status) => panic!("cannot make container {name}: expected status 201, found {status}"),
            Err(error) => panic!("cannot make container {name}: {error}"),
        }
    }

    /// A new container as a [`Place`].
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[must_use]
    pub fn place(self: &Arc<Self>, prefix: &str) -> Place {
        Place {
            adapter: "azblob",
            options: json!({
                "container": self.create_container(prefix), "account": ACCOUNT, "endpoint": self.endpoint(),
                "retry": {"initial_backoff_ms": 10, "max_backoff_ms": 200},
            }),
            environment: vec![
                ("AZURE_STORAGE_ACCOUNT", ACCOUNT.to_owned()),
                ("AZURE_STORAGE_KEY", KEY.to_owned()),
            ],
            address: self.address(),
            server: Arc::clone(self) as _,
        }
    }
}

fn command(port: u16, directory: &Path) -> (PathBuf, Vec<OsString>) {
    let mut arguments = vec![azurite_script().into_os_string()];
    arguments.extend(
        ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1", "--blobPort"]
            .map(OsString::from),
    );
    arguments.extend([port.to_string().into(), "--location".into(), directory.join("data").into_os_string()]);
    ("node".into(), arguments)
}
