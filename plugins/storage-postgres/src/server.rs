//! Which server, database and role: out of the options, the URL, and the environment of libpq.

mod passfile;

use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use persist_plugin_api::Result;
use persist_plugin_network::{Secret, wrong};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use crate::config::PostgresConfig;
use crate::tls::SslMode;

const DEFAULT_PORT: u16 = 5432;

/// How long a connection may be silent before the system asks whether the other side is still there, how often it asks, and
/// how long sent data may stay unconfirmed: where a firewall forgot the connection, nobody says so.
const SILENCE: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_secs(10);
const UNCONFIRMED: Duration = Duration::from_secs(60);

/// Where to connect to, and as whom.
pub(crate) struct Server {
    /// For the client library. Its `Debug` hides the password.
    pub(crate) connection: Config,
    pub(crate) sslmode: SslMode,
    pub(crate) roots: Option<PathBuf>,
    /// The hosts and ports, for messages.
    pub(crate) address: String,
    /// The database, for messages.
    pub(crate) database: String,
}

impl Server {
    pub(crate) fn new(options: &PostgresConfig, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        for (option, value) in
            [("host", &options.host), ("user", &options.user), ("database", &options.database)]
        {
            if value.as_deref() == Some("") {
                return Err(wrong(format!("{option} is empty; leave it out, or name one")));
            }
        }
        let mut url = options.url.as_ref().map_or_else(|| Ok(Url::default()), Url::parse)?;
        let alone = options.host.is_none()
            && options.port.is_none()
            && options.user.is_none()
            && options.database.is_none();
        if options.url.is_some() && !alone {
            return Err(wrong("url says what host, port, user and database would say; use one or the other"));
        }
        let connection = &mut url.connection;
        add_address(connection, options, variable)?;
        add_role(connection, options, variable);
        notice_loss(connection);
        if connection.get_hosts().len() > 1 && !url.says_session {
            // Of several servers all but one are standbys, and those take no writes and show those of the primary late.
            connection.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        add_password(connection, options.password_file.as_deref(), variable)?;
        if connection.get_application_name().is_none() {
            connection.application_name(variable("PGAPPNAME").unwrap_or_else(|| "persist".to_owned()));
        }
        let of_environment =
            variable("PGSSLMODE").map(|word| SslMode::parse("PGSSLMODE", &word)).transpose()?;
        let sslmode = options.sslmode.or(url.sslmode).or(of_environment);
        let sslmode =
            sslmode.unwrap_or(if is_local(connection) { SslMode::Prefer } else { SslMode::VerifyFull });
        connection.ssl_mode(sslmode.negotiation());
        let roots =
            options.sslrootcert.clone().or(url.roots).or(variable("PGSSLROOTCERT").map(PathBuf::from));
        Ok(Self {
            sslmode,
            // In libpq's words these are the system's own.
            roots: roots.filter(|path| path.as_os_str() != "system"),
            address: shown(connection),
            database: connection.get_dbname().or(connection.get_user()).unwrap_or("(default)").to_owned(),
            connection: url.connection,
        })
    }
}

/// What a URL says. The client library does not know every word of it.
#[derive(Default)]
struct Url {
    connection: Config,
    sslmode: Option<SslMode>,
    roots: Option<PathBuf>,
    /// The URL says what a session must be able to do.
    says_session: bool,
}

impl Url {
    fn parse(secret: &Secret) -> Result<Self> {
        let text = secret.expose();
        // The library's own error may repeat a part of the URL, so it is not passed on.
        let refuse = || {
            wrong(
                "url is not of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE, or has an option \
                 that is not supported; special characters are percent-encoded",
            )
        };
        if !text.starts_with("postgresql://") && !text.starts_with("postgres://") {
            return Err(refuse());
        }
        // What follows the first one would become a part of the host or the database, and appear in messages.
        if text.matches('@').count() > 1 {
            return Err(wrong(
                "url has more than one @; write those in the password, user or database as %40",
            ));
        }
        let credentials = text.find('@').unwrap_or_default();
        let Some(query) = text[credentials..].find('?').map(|at| credentials + at) else {
            return Ok(Self { connection: text.parse().map_err(|_| refuse())?, ..Self::default() });
        };
        let (mut sslmode, mut roots, mut says_session, mut rest) = (None, None, false, Vec::new());
        for pair in text[query + 1..].split('&') {
            let (name, value) = pair.split_once('=').ok_or_else(refuse)?;
            let value = percent_decode_str(value).decode_utf8().map_err(|_| refuse())?;
            match name {
                "sslmode" => sslmode = Some(SslMode::parse("url", &value)?),
                "sslrootcert" => roots = Some(PathBuf::from(value.as_ref())),
                _ => {
                    says_session |= name == "target_session_attrs";
                    rest.push(pair);
                }
            }
        }
        let mut known = text[..query].to_owned();
        if !rest.is_empty() {
            known = format!("{known}?{}", rest.join("&"));
        }
        Ok(Self { connection: known.parse().map_err(|_| refuse())?, sslmode, roots, says_session })
    }
}

fn add_address(
    connection: &mut Config,
    options: &PostgresConfig,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<()> {
    if connection.get_hosts().is_empty() {
        let hosts =
            options.host.clone().or_else(|| variable("PGHOST")).unwrap_or_else(|| "localhost".to_owned());
        for host in hosts.split(',') {
            connection.host(host);
        }
    }
    if connection.get_ports().is_empty() {
        let ports = match (options.port, variable("PGPORT")) {
            (Some(port), _) => vec![port],
            (None, Some(text)) => text
                .split(',')
                .map(|port| port.parse().map_err(|_| wrong(format!("PGPORT is {text:?}, which is no port"))))
                .collect::<Result<_>>()?,
            (None, None) => vec![DEFAULT_PORT],
        };
        for port in ports {
            connection.port(port);
        }
    }
    Ok(())
}

fn add_role(connection: &mut Config, options: &PostgresConfig, variable: &dyn Fn(&str) -> Option<String>) {
    if connection.get_user().is_none()
        && let Some(user) = options.user.clone().or_else(|| variable("PGUSER"))
    {
        connection.user(user);
    }
    if connection.get_dbname().is_none()
        && let Some(database) = options.database.clone().or_else(|| variable("PGDATABASE"))
    {
        connection.dbname(database);
    }
}

fn add_password(
    connection: &mut Config,
    file: Option<&Path>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<()> {
    match (file, connection.get_password().is_some()) {
        (Some(_), true) => return Err(wrong("password_file and the password in url exclude each other")),
        (Some(file), false) => {
            connection.password(Secret::from_file("password_file", file)?.expose());
        }
        (None, true) => {}
        (None, false) => {
            if let Some(password) =
                variable("PGPASSWORD").map(Secret::new).or_else(|| passfile::look_up(connection, variable))
            {
                connection.password(password.expose());
            }
        }
    }
    Ok(())
}

/// Sees to it that a connection whose other side is gone is noticed, unless the URL says how.
fn notice_loss(connection: &mut Config) {
    let defaults = Config::new();
    if connection.get_keepalives_idle() == defaults.get_keepalives_idle() {
        connection.keepalives_idle(SILENCE);
    }
    if connection.get_keepalives_interval().is_none() {
        connection.keepalives_interval(ASK_AGAIN);
    }
    if connection.get_tcp_user_timeout().is_none() {
        connection.tcp_user_timeout(UNCONFIRMED);
    }
}

/// Whether all hosts are this machine.
fn is_local(connection: &Config) -> bool {
    connection.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    })
}

fn shown(connection: &Config) -> String {
    let ports = connection.get_ports();
    let hosts = connection.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    hosts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
