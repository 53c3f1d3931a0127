//! Where the server is, and who asks it.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use persist_plugin_api::{Error, ErrorCode, Result};
use persist_plugin_network::{Secret, wrong};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, TlsCertificates};

/// Where the client library finds a URL, without an option.
const URL_VARIABLE: &str = "REDIS_URL";
/// Where passwords are looked for, in this order; the second is that of `redis-cli`.
const PASSWORD_VARIABLES: [&str; 2] = ["REDIS_PASSWORD", "REDISCLI_AUTH"];

/// The options that say where the server is.
pub(super) struct Source {
    pub(super) url: Option<Secret>,
    pub(super) nodes: Vec<String>,
    pub(super) username: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) allow_plaintext: bool,
}

/// The servers to begin with, and their certificates. It shows neither user nor password.
#[derive(Clone)]
pub(crate) struct Address {
    /// At least one; all but the first are nodes of its cluster.
    pub(crate) servers: Vec<ConnectionInfo>,
    /// `None` without TLS.
    pub(crate) certificates: Option<TlsCertificates>,
}

impl Source {
    /// Reads the environment and the files, and puts the parts together.
    pub(super) fn resolve(self) -> Result<Address> {
        let url = self.url.clone().or_else(|| Secret::from_environment(URL_VARIABLE)).ok_or_else(|| {
            wrong(format!("there is no url, and the environment variable {URL_VARIABLE} is not set"))
        })?;
        let first = parse(url.expose())?;
        let first = self.authenticate(first)?;
        let mut servers = vec![first.clone()];
        for node in &self.nodes {
            servers.push(first.clone().set_addr(beside(first.addr(), node)?));
        }
        let tls = matches!(first.addr(), ConnectionAddr::TcpTls { .. });
        if !tls {
            self.check_plaintext(&servers)?;
        }
        let certificates = match &self.ca_file {
            Some(_) if !tls => return Err(wrong("ca_file needs a url that begins with rediss://")),
            Some(path) => TlsCertificates { client_tls: None, root_cert: Some(read_certificates(path)?) },
            None => TlsCertificates { client_tls: None, root_cert: None },
        };
        Ok(Address { servers, certificates: tls.then_some(certificates) })
    }

    fn authenticate(&self, server: ConnectionInfo) -> Result<ConnectionInfo> {
        let mut settings = server.redis_settings().clone();
        if let Some(username) = &self.username {
            if settings.username().is_some_and(|found| found != username) {
                return Err(wrong("url names another user than username; leave one of them out"));
            }
            settings = settings.set_username(username);
        }
        if let Some(path) = &self.password_file {
            if settings.password().is_some() {
                return Err(wrong(
                    "there are both a password in url and a password_file; leave one of them out",
                ));
            }
            settings = settings.set_password(Secret::from_file("password_file", path)?.expose());
        } else if settings.password().is_none() {
            let found = PASSWORD_VARIABLES.into_iter().find_map(Secret::from_environment);
            if let Some(password) = found {
                settings = settings.set_password(password.expose());
            }
        }
        if settings.username().is_some() && settings.password().is_none() {
            return Err(wrong(format!(
                "there is a user and no password; set password_file, or {} in the environment",
                PASSWORD_VARIABLES[0]
            )));
        }
        Ok(server.set_redis_settings(settings))
    }

    fn check_plaintext(&self, servers: &[ConnectionInfo]) -> Result<()> {
        let far = servers.iter().map(|server| host(server.addr())).find(|host| !is_loopback(host));
        match far {
            Some(host) if !self.allow_plaintext => Err(wrong(format!(
                "url begins with redis://, and {host:?} is another machine: passwords and data would travel in plain \
                 text; use rediss://, or set allow_plaintext = true"
            ))),
            _ => Ok(()),
        }
    }
}

impl Address {
    /// The number of the database.
    pub(crate) fn database(&self) -> i64 {
        self.servers.first().map_or(0, |server| server.redis_settings().db())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.servers.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{}:{}", host(server.addr()), port(server.addr()))?;
        }
        match self.database() {
            0 => Ok(()),
            database => write!(f, ", database {database}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes a URL apart. No message repeats it, for it may hold a password.
fn parse(url: &str) -> Result<ConnectionInfo> {
    let form = "url should be redis://HOST:PORT/DATABASE, or rediss:// for TLS";
    let parsed = redis::parse_redis_url(url).ok_or_else(|| wrong(form))?;
    if !matches!(parsed.scheme(), "redis" | "rediss") || parsed.host_str().is_none_or(str::is_empty) {
        return Err(wrong(form));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(wrong(format!("{form}, without a query and a fragment")));
    }
    // The library's error says which part is wrong, in its own words, without the part.
    parsed.into_connection_info().map_err(|error| wrong(form).with_source(error))
}

/// The address of another node of the same cluster.
fn beside(first: &ConnectionAddr, node: &str) -> Result<ConnectionAddr> {
    let form = || wrong(format!("nodes has {node:?}; each should be HOST:PORT"));
    let (host, port) = node.rsplit_once(':').ok_or_else(form)?;
    let port: u16 = port.parse().map_err(|_| form())?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    if host.is_empty() || host.contains(['@', '/']) {
        return Err(form());
    }
    Ok(match first {
        ConnectionAddr::TcpTls { .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        }
        _ => ConnectionAddr::Tcp(host, port),
    })
}

fn host(address: &ConnectionAddr) -> &str {
    match address {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
        _ => "",
    }
}

fn port(address: &ConnectionAddr) -> u16 {
    match address {
        ConnectionAddr::Tcp(_, port) | ConnectionAddr::TcpTls { port, .. } => *port,
        _ => 0,
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn read_certificates(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let message = format!("ca_file names {}, which cannot be read", path.display());
        Error::new(ErrorCode::CONFIG, message).with_source(error)
    })
}
