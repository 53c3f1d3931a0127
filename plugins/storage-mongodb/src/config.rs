//! The options as the user writes them, and the settings that come of them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use mongodb::options::{AuthMechanism, ConnectionString, Credential, HostInfo, ServerAddress, Tls};
use persist_plugin_api::{Error, Result};
use persist_plugin_network::{Retry, RetryOptions, Secret, check_milliseconds, check_number, wrong};
use serde::Deserialize;

/// Where the connection string is looked for, without an option.
const URI_VARIABLE: &str = "MONGODB_URI";
const DEFAULT_DATABASE: &str = "persist";
const MAX_NAME_BYTES: usize = 60;

/// The adapter's options. The page `docs/backends/mongodb.md` describes them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MongoConfig {
    /// The connection string: `mongodb://HOST:PORT/DATABASE` or `mongodb+srv://NAME`. The environment variable `MONGODB_URI` if
    /// left out.
    uri: Option<Secret>,
    /// The database; the one that the connection string names, else persist.
    database: Option<String>,
    /// The collection of the objects; those of the chunks and of the marks begin with this name.
    #[serde(default = "default_collection")]
    collection: String,
    /// The user's name.
    username: Option<String>,
    /// A file whose first line is the user's password.
    password_file: Option<PathBuf>,
    /// Allow a connection without TLS to another machine.
    #[serde(default)]
    allow_plaintext: bool,
    /// The most connections to each server.
    #[serde(default = "default_connections")]
    connections: u32,
    /// How long to look for a server that can serve a request, in milliseconds.
    #[serde(default = "default_selection_timeout")]
    server_selection_timeout_ms: u64,
    /// How long a connection may take to come about, in milliseconds.
    #[serde(default = "default_connect_timeout")]
    connect_timeout_ms: u64,
    /// How long a majority of the servers may take to acknowledge a write, in milliseconds.
    #[serde(default = "default_write_timeout")]
    write_timeout_ms: u64,
    /// How long one attempt at a request may take, in milliseconds.
    #[serde(default = "default_request_timeout")]
    request_timeout_ms: u64,
    /// When a request is made again.
    #[serde(default)]
    retry: RetryOptions,
}

fn default_collection() -> String {
    "persist".to_owned()
}

fn default_connections() -> u32 {
    16
}

fn default_selection_timeout() -> u64 {
    10_000
}

fn default_connect_timeout() -> u64 {
    5_000
}

fn default_write_timeout() -> u64 {
    30_000
}

fn default_request_timeout() -> u64 {
    60_000
}

/// Options that were found sound, in the units that the code works with.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Its text holds a password, perhaps.
    pub(crate) connection: ConnectionString,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: String,
    pub(crate) collection: String,
    /// The servers, for messages.
    pub(crate) servers: String,
    /// Whether they are spoken to with TLS.
    pub(crate) tls: bool,
    pub(crate) connections: u32,
    pub(crate) selection_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) retry: Retry,
}

impl TryFrom<MongoConfig> for Settings {
    type Error = Error;

    fn try_from(config: MongoConfig) -> Result<Self> {
        let selection_timeout =
            check_milliseconds("server_selection_timeout_ms", config.server_selection_timeout_ms)?;
        let connect_timeout = check_milliseconds("connect_timeout_ms", config.connect_timeout_ms)?;
        let write_timeout = check_milliseconds("write_timeout_ms", config.write_timeout_ms)?;
        let request_timeout = check_milliseconds("request_timeout_ms", config.request_timeout_ms)?;
        for (option, time) in
            [("server_selection_timeout_ms", selection_timeout), ("write_timeout_ms", write_timeout)]
        {
            if time >= request_timeout {
                return Err(wrong(format!("{option} must be less than request_timeout_ms")));
            }
        }
        check_number("connections", config.connections.into(), 1..=1000)?;
        check_name("collection", &config.collection)?;
        let uri = config.uri.or_else(|| Secret::from_environment(URI_VARIABLE)).ok_or_else(|| {
            wrong(format!("there is no uri, and the environment variable {URI_VARIABLE} is not set"))
        })?;
        let connection = parse(&uri)?;
        if !config.allow_plaintext {
            check_plaintext(&connection)?;
        }
        let database = config.database.or_else(|| connection.default_database.clone());
        let database = database.unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
        check_name("database", &database)?;
        let password = match &config.password_file {
            Some(path) => Some(Secret::from_file("password_file", path)?),
            None => None,
        };
        let known = connection.credential.as_ref();
        if password.is_some() && known.is_some_and(|credential| credential.password.is_some()) {
            return Err(wrong("there are both a password in uri and a password_file; leave one of them out"));
        }
        if password.is_some()
            && config.username.is_none()
            && known.is_none_or(|known| known.username.is_none())
        {
            return Err(wrong("password_file needs a username"));
        }
        check_password(config.username.is_some(), password.is_some(), known)?;
        Ok(Self {
            servers: servers(&connection),
            tls: uses_tls(&connection),
            connection,
            username: config.username,
            password,
            database,
            collection: config.collection,
            connections: config.connections,
            selection_timeout,
            connect_timeout,
            write_timeout,
            request_timeout,
            retry: config.retry.check()?,
        })
    }
}

/// Takes a connection string apart. The library's own error may repeat it, password and all, so that it is not kept.
fn parse(uri: &Secret) -> Result<ConnectionString> {
    ConnectionString::parse(uri.expose()).map_err(|_| {
        wrong(
            "uri is not a connection string; it should be mongodb://HOST:PORT/DATABASE or mongodb+srv://NAME, with \
             `%` and two digits for each special character of a user or a password",
        )
    })
}

/// Refuses a user whose way of proving who it is needs a password, when there is none.
fn check_password(has_username: bool, has_password: bool, known: Option<&Credential>) -> Result<()> {
    let has_user = has_username || known.is_some_and(|known| known.username.is_some());
    let has_password = has_password || known.is_some_and(|known| known.password.is_some());
    // Certificates, tokens and tickets stand for the others.
    let takes_password = match known.and_then(|known| known.mechanism.as_ref()) {
        None => true,
        Some(mechanism) => {
            matches!(mechanism, AuthMechanism::ScramSha1 | AuthMechanism::ScramSha256 | AuthMechanism::Plain)
        }
    };
    if has_user && takes_password && !has_password {
        return Err(wrong(
            "there is a username and no password; set password_file, or add the password to uri or to the environment \
             variable MONGODB_URI",
        ));
    }
    Ok(())
}

fn check_name(option: &str, name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(plain) {
        return Err(wrong(format!(
            "{option} = {name:?} is not allowed; it should be 1 to {MAX_NAME_BYTES} letters, digits, \"-\" and \"_\""
        )));
    }
    Ok(())
}

fn check_plaintext(connection: &ConnectionString) -> Result<()> {
    let far = match &connection.host_info {
        HostInfo::HostIdentifiers(hosts) => hosts.iter().any(|address| !is_here(address)),
        _ => true,
    };
    if far && !uses_tls(connection) {
        return Err(wrong(
            "uri names another machine, without TLS: passwords and data would travel in plain text; add tls=true to \
             it, or set allow_plaintext = true",
        ));
    }
    Ok(())
}

fn uses_tls(connection: &ConnectionString) -> bool {
    match &connection.host_info {
        HostInfo::HostIdentifiers(_) => matches!(connection.tls, Some(Tls::Enabled(_))),
        // Found by its DNS record, a server is spoken to with TLS unless that is forbidden.
        _ => !matches!(connection.tls, Some(Tls::Disabled)),
    }
}

fn is_here(address: &ServerAddress) -> bool {
    match address {
        ServerAddress::Tcp { host, .. } => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        // A socket in the file system.
        _ => true,
    }
}

fn servers(connection: &ConnectionString) -> String {
    match &connection.host_info {
        HostInfo::HostIdentifiers(hosts) => {
            hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        HostInfo::DnsRecord(name) => name.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
