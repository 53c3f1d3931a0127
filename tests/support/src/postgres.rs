//! PostgreSQL: a server with passwords and TLS, whose writes survive a crash.

mod certificate;
mod configuration;
mod own;
mod programs;
mod psql;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use crate::{
    artifacts::postgres_bin,
    error::{ServerError, with_causes},
    place::Place,
    process::ServerProcess,
    start::{self, Shared, on_free_ports, or_panic, unique, variable},
};
use own::Own;
use programs::Programs;
use serde_json::json;

const NAME: &str = "PostgreSQL";
const ADDRESS_VARIABLE: &str = "PERSIST_TEST_POSTGRES_ADDRESS";
const PASSWORD_VARIABLE: &str = "PERSIST_TEST_POSTGRES_PASSWORD";
const CERTIFICATE_VARIABLE: &str = "PERSIST_TEST_POSTGRES_CERTIFICATE";

/// The role that may do everything.
const SUPERUSER: &str = "postgres";
/// The role that owns the database of the same name, and may do nothing else.
const ROLE: &str = "persist";

const POLL: Duration = Duration::from_millis(50);

/// A running PostgreSQL on 127.0.0.1. Roles log in with a password, with TLS or without.
///
/// A server that this process started ends, and its data is removed, when the last handle is dropped, and also
/// when the process is killed (its data then stays in the temporary directory).
#[derive(Debug)]
pub struct Postgres {
    address: SocketAddr,
    password: String,
    certificate: PathBuf,
    own: Option<Own>,
}

impl Postgres {
    /// The server that the tests of a run share: the one `cargo xtask test` started, or else one for as long as
    /// any test of this process holds it.
    ///
    /// Tests keep apart by using a [place](Self::place) or a [database](Self::create_database) each.
    ///
    /// # Panics
    ///
    /// When there is no server and none can be started; the message says what to do.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Shared<Postgres> = Shared::none();
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
    /// [`ServerError`] when it is not installed, no port is free, or the server does not become ready.
    pub fn try_start() -> Result<Self, ServerError> {
        on_free_ports(NAME, &postgres_bin(), |[port], data| Self::start_once(port, data))
    }

    fn start_once(port: u16, data: TempDir) -> Result<Self, ServerError> {
        let password = password();
        let programs = Programs::new(&postgres_bin(), data.path())?;
        let password_file = data.path().join("password");
        fs::write(&password_file, &password)
            .map_err(ServerError::io(format!("write {}", password_file.display())))?;
        let certificate = certificate::make(data.path())?;
        for path in [data.path(), &password_file, &certificate, &certificate::key(data.path())] {
            programs.give(path)?;
        }
        configuration::initialize(&programs, data.path(), &password_file)?;

        let own = Own::new(programs, data);
        let server = Self { address: ([127, 0, 0, 1], port).into(), password, certificate, own: Some(own) };
        server.start_again()?;
        for statement in [
            format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{}'", server.password),
            format!("CREATE DATABASE {ROLE} OWNER {ROLE}"),
        ] {
            server.try_sql("postgres", &statement)?;
        }
        Ok(server)
    }

    /// The server that the environment describes, if it describes one.
    fn from_environment() -> Result<Option<Self>, ServerError> {
        let Some(address) = variable(ADDRESS_VARIABLE) else { return Ok(None) };
        let required = |missing| {
            variable(missing).ok_or(ServerError::PartialEnvironment { present: ADDRESS_VARIABLE, missing })
        };
        let parsed = address.parse().map_err(|_| ServerError::Unexpected {
            server: NAME,
            attempt: format!("read {ADDRESS_VARIABLE}"),
            expected: "127.0.0.1:PORT",
            found: address,
        })?;
        let (password, certificate) = (required(PASSWORD_VARIABLE)?, required(CERTIFICATE_VARIABLE)?.into());
        Ok(Some(Self { address: parsed, password, certificate, own: None }))
    }

    /// The environment variables by which tests in other processes find this server.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            (ADDRESS_VARIABLE, self.address.to_string()),
            (PASSWORD_VARIABLE, self.password.clone()),
            (CERTIFICATE_VARIABLE, self.certificate.display().to_string()),
        ]
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The password of all roles.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The certificate that the server shows, in PEM. It is for `127.0.0.1` and `localhost` and signed by itself, so that
    /// the same file serves as the root to check it with.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The URL of a database, with a role and its password.
    #[must_use]
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgresql://{role}:{}@{}/{database}", self.password, self.address)
    }

    /// The id of the server's first process, for tests that suspend or kill it; `None` for a server that another
    /// process started, and for one that was [killed](Self::kill).
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.own.as_ref()?.process().as_ref().map(ServerProcess::id)
    }

    /// Ends a server of the caller's own in the midst of whatever it does, as a crash would.
    pub fn kill(&self) {
        if let Some(own) = &self.own {
            own.stop();
        }
    }

    /// Starts a server of the caller's own again that was [killed](Self::kill), on the same port and data.
    ///
    /// # Panics
    ///
    /// When it does not start; the message says why.
    pub fn restart(&self) {
        self.start_again().unwrap_or_else(|error| panic!("{}", with_causes(&error)));
    }

    /// Runs statements as the superuser, and returns what they print, a line for each row.
    ///
    /// # Panics
    ///
    /// When one fails; the message says why.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        self.try_sql(database, statements).unwrap_or_else(|error| panic!("{}", with_causes(&error)))
    }

    /// Makes an empty database that the role `persist` owns and returns its name, which begins with `prefix` and is used
    /// only once. `options` are those of `CREATE DATABASE`.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[must_use]
    pub fn create_database(&self, prefix: &str, options: &str) -> String {
        let name = identifier(prefix);
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE} {options}"));
        name
    }

    /// Makes a role that may log in with the [password](Self::password) and returns its name, which begins with `prefix` and
    /// is used only once. `options` are those of `CREATE ROLE`.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[must_use]
    pub fn create_role(&self, prefix: &str, options: &str) -> String {
        let name = identifier(prefix);
        self.sql("postgres", &format!("CREATE ROLE {name} LOGIN PASSWORD '{}' {options}", self.password));
        name
    }

    /// A new schema in the database `persist` as a [`Place`]. The adapter finds the password in the environment.
    ///
    /// A `prefix` is 1 to 30 lower-case letters, digits and hyphens, beginning with a letter.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[must_use]
    pub fn place(self: &Arc<Self>, prefix: &str) -> Place {
        let schema = identifier(prefix);
        self.sql(ROLE, &format!("CREATE SCHEMA {schema} AUTHORIZATION {ROLE}"));
        Place {
            adapter: "postgres",
            options: json!({
                "url": format!("postgresql://{ROLE}@{}/{ROLE}", self.address), "schema": schema,
                "retry": { "initial_backoff_ms": 10, "max_backoff_ms": 200 },
            }),
            environment: vec![("PGPASSWORD", self.password.clone())],
            address: self.address,
            server: Arc::clone(self) as _,
        }
    }

    fn start_again(&self) -> Result<(), ServerError> {
        let Some(own) = &self.own else { return Ok(()) };
        let (program, arguments) =
            own.programs.line("postgres", &configuration::arguments(self.address.port(), own.data.path()));
        let question = ("SELECT 1", "a login");
        let process = start::run(NAME, Path::new(&program), &arguments, own.data.path(), question, || {
            self.try_sql("postgres", "SELECT 1").map(drop).map_err(|error| with_causes(&error))
        })?;
        *own.process() = Some(process);
        Ok(())
    }

    fn try_sql(&self, database: &str, statements: &str) -> Result<String, ServerError> {
        psql::run(self.address.port(), &self.password, database, statements)
    }
}

/// A name that is used only once, and needs no quotes.
fn identifier(prefix: &str) -> String {
    unique(prefix).replace('-', "_")
}

/// A password that is in no other place than this run.
fn password() -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!("pw-{now:x}-{:x}", process::id())
}
