//! SeaweedFS: an S3 server that checks signatures and honours conditional puts.

mod configuration;

use std::{fs, net::SocketAddr, sync::Arc};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    artifacts::seaweedfs_bin,
    error::ServerError,
    http,
    place::Place,
    process::ServerProcess,
    start::{self, Shared, on_free_ports, or_panic, unique, variable},
};
use configuration::Ports;

const NAME: &str = "SeaweedFS";
const ENDPOINT_VARIABLE: &str = "PERSIST_TEST_S3_ENDPOINT";
const FILER_VARIABLE: &str = "PERSIST_TEST_S3_FILER";
const ACCESS_KEY_VARIABLE: &str = "PERSIST_TEST_S3_ACCESS_KEY";
const SECRET_KEY_VARIABLE: &str = "PERSIST_TEST_S3_SECRET_KEY";

/// A running SeaweedFS on 127.0.0.1, with an S3 identity that may do everything and one that may only read.
///
/// A server that this process started ends, and its data is removed, when the last handle is dropped, and also
/// when the process is killed (its data then stays in the temporary directory).
#[derive(Debug)]
pub struct SeaweedFs {
    endpoint: String,
    filer_port: u16,
    access_key: String,
    secret_key: String,
    own: Option<Own>,
}

/// What there is to clean up. The process comes first: it must be gone before its directory goes.
#[derive(Debug)]
struct Own {
    process: ServerProcess,
    _data: TempDir,
}

impl SeaweedFs {
    /// The server that the tests of a run share: the one `cargo xtask test` started, or else one for as long as
    /// any test of this process holds it.
    ///
    /// Tests keep apart by [making a bucket](Self::create_bucket) each.
    ///
    /// # Panics
    ///
    /// When there is no server and none can be started; the message says what to do.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Shared<SeaweedFs> = Shared::none();
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
        on_free_ports(NAME, &seaweedfs_bin(), |ports, data| Self::start_once(&Ports::from(ports), data))
    }

    fn start_once(ports: &Ports, data: TempDir) -> Result<Self, ServerError> {
        let (access_key, secret_key) = configuration::credentials();
        let identities = data.path().join("identities.json");
        fs::write(&identities, configuration::identities(&access_key, &secret_key))
            .map_err(ServerError::io(format!("write {}", identities.display())))?;
        let volumes = data.path().join("data");
        fs::create_dir(&volumes).map_err(ServerError::io(format!("make {}", volumes.display())))?;
        let arguments = configuration::arguments(ports, &volumes, &identities);
        // The refusal shows that the S3 side and its identities are in place.
        let question = ("GET / without a signature", "status 403");
        let process = start::run(NAME, &seaweedfs_bin(), &arguments, data.path(), question, || {
            start::get(ports.s3, "/", 403)
        })?;
        Ok(Self {
            endpoint: format!("http://127.0.0.1:{}", ports.s3),
            filer_port: ports.filer,
            access_key,
            secret_key,
            own: Some(Own { process, _data: data }),
        })
    }

    /// The server that the environment describes, if it describes one.
    fn from_environment() -> Result<Option<Self>, ServerError> {
        let Some(endpoint) = variable(ENDPOINT_VARIABLE) else { return Ok(None) };
        let required = |missing| {
            variable(missing).ok_or(ServerError::PartialEnvironment { present: ENDPOINT_VARIABLE, missing })
        };
        let filer = required(FILER_VARIABLE)?;
        let filer_port = filer.rsplit(':').next().and_then(|port| port.parse().ok()).ok_or_else(|| {
            ServerError::Unexpected {
                server: NAME,
                attempt: format!("read {FILER_VARIABLE}"),
                expected: "http://127.0.0.1:PORT",
                found: filer.clone(),
            }
        })?;
        Ok(Some(Self {
            endpoint,
            filer_port,
            access_key: required(ACCESS_KEY_VARIABLE)?,
            secret_key: required(SECRET_KEY_VARIABLE)?,
            own: None,
        }))
    }

    /// The environment variables by which tests in other processes find this server.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            (ENDPOINT_VARIABLE, self.endpoint.clone()),
            (FILER_VARIABLE, self.filer()),
            (ACCESS_KEY_VARIABLE, self.access_key.clone()),
            (SECRET_KEY_VARIABLE, self.secret_key.clone()),
        ]
    }

    /// The S3 endpoint's URL, for path-style requests.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where the S3 endpoint listens.
    ///
    /// # Panics
    ///
    /// When the environment names a server in other words than `http://ADDRESS:PORT`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let address = self.endpoint.trim_start_matches("http://").parse();
        address.unwrap_or_else(|error| panic!("{}: {error}", self.endpoint))
    }

    /// The URL of the interface to the server's own file system, which asks for no signature: what S3 calls
    /// `KEY` in `BUCKET` is the file `/buckets/BUCKET/KEY` there.
    #[must_use]
    pub fn filer(&self) -> String {
        format!("http://127.0.0.1:{}", self.filer_port)
    }

    /// The region to sign requests for. The server accepts any.
    #[must_use]
    pub fn region(&self) -> &'static str {
        "us-east-1"
    }

    /// The access key id of the identity that may do everything.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The access key id of an identity that may only read and list; its secret key is the same.
    #[must_use]
    pub fn read_only_access_key(&self) -> String {
        configuration::read_only(&self.access_key)
    }

    /// The secret key of both identities.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// The id of the server's process, for tests that suspend or kill it; `None` for a server that another
    /// process started.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.own.as_ref().map(|own| own.process.id())
    }

    /// Makes an empty bucket and returns its name, which begins with `prefix` and is used only once.
    ///
    /// It is made through the filer's own interface, which needs no signature. A `prefix` is 1 to 30
    /// lower-case letters, digits and hyphens, beginning with a letter.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[must_use]
    pub fn create_bucket(&self, prefix: &str) -> String {
        let name = unique(prefix);
        match http::status("POST", self.filer_port, &format!("/buckets/{name}/")) {
            Ok(201) => name,
            Ok(status) => panic!("cannot make bucket {name}: expected status 201, found {status}"),
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
            adapter: "s3",
            options: json!({
                "bucket": self.create_bucket(prefix), "region": self.region(), "endpoint": self.endpoint,
                "initial_backoff_ms": 10, "max_backoff_ms": 200,
            }),
            environment: vec![
                ("AWS_ACCESS_KEY_ID", self.access_key.clone()),
                ("AWS_SECRET_ACCESS_KEY", self.secret_key.clone()),
            ],
            address: self.address(),
            server: Arc::clone(self) as _,
        }
    }
}
