//! The options as the user writes them, and the settings that come of them.

mod address;

use std::path::PathBuf;
use std::time::Duration;

use persist_plugin_api::{Error, Result};
use persist_plugin_network::{Retry, RetryOptions, Secret, check_milliseconds, check_number, wrong};
use serde::Deserialize;

pub(crate) use address::Address;

const MAX_PREFIX_BYTES: usize = 64;
/// The longest time to live: a hundred years.
const MAX_TTL_SECONDS: u64 = 100 * 366 * 24 * 60 * 60;

/// The adapter's options. The page `docs/backends/redis.md` describes them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// Where the server is: redis://HOST:PORT/DATABASE, or rediss:// for TLS. The environment variable `REDIS_URL` if left out.
    url: Option<Secret>,
    /// The server is part of a Redis Cluster.
    #[serde(default)]
    cluster: bool,
    /// Further nodes of the cluster to begin with, each HOST:PORT.
    #[serde(default)]
    nodes: Vec<String>,
    /// The name of the ACL user; the default user if left out.
    username: Option<String>,
    /// A file whose first line is the password.
    password_file: Option<PathBuf>,
    /// A file of certificates in PEM form that are trusted instead of the system's.
    ca_file: Option<PathBuf>,
    /// Allow a connection without TLS to another machine.
    #[serde(default)]
    allow_plaintext: bool,
    /// All keys of the store begin with this.
    #[serde(default = "default_prefix")]
    prefix: String,
    /// What must outlive a crash of the server.
    #[serde(default)]
    durability: Durability,
    /// How many replicas must have received a write before it counts.
    #[serde(default)]
    wait_replicas: u32,
    /// How long they may take, in milliseconds.
    #[serde(default = "default_wait_timeout")]
    wait_timeout_ms: u64,
    /// Use a server that removes keys when its memory is full.
    #[serde(default)]
    allow_eviction: bool,
    /// All keys of a session expire together this many seconds after its last write; never if left out.
    ttl_seconds: Option<u64>,
    /// How many connections are open at once. A cluster has one for each node.
    #[serde(default = "default_connections")]
    connections: usize,
    /// How long a connection may take to come about, in milliseconds.
    #[serde(default = "default_connect_timeout")]
    connect_timeout_ms: u64,
    /// How long one attempt at a request may take, in milliseconds.
    #[serde(default = "default_request_timeout")]
    request_timeout_ms: u64,
    /// When a request is made again.
    #[serde(default)]
    retry: RetryOptions,
}

/// What the server must promise of a write that it acknowledged.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    /// It is on the disk: `appendfsync always`.
    #[default]
    Always,
    /// It is on the disk within about a second: `appendfsync everysec`.
    Everysec,
    /// The user vouches for the server, and it is not asked.
    Unchecked,
}

fn default_prefix() -> String {
    "persist".to_owned()
}

fn default_wait_timeout() -> u64 {
    1_000
}

fn default_connections() -> usize {
    8
}

fn default_connect_timeout() -> u64 {
    5_000
}

fn default_request_timeout() -> u64 {
    60_000
}

/// Options that were found sound, in the units that the code works with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) address: Address,
    pub(crate) cluster: bool,
    pub(crate) prefix: String,
    pub(crate) durability: Durability,
    pub(crate) wait_replicas: u32,
    pub(crate) wait_timeout: Duration,
    pub(crate) allow_eviction: bool,
    pub(crate) ttl: Option<Duration>,
    pub(crate) connections: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) retry: Retry,
}

impl TryFrom<RedisConfig> for Settings {
    type Error = Error;

    fn try_from(config: RedisConfig) -> Result<Self> {
        let cluster = config.cluster || !config.nodes.is_empty();
        check_prefix(&config.prefix)?;
        check_number("wait_replicas", config.wait_replicas.into(), 0..=16)?;
        check_number("connections", config.connections as u64, 1..=256)?;
        check_number("ttl_seconds", config.ttl_seconds.unwrap_or(1), 1..=MAX_TTL_SECONDS)?;
        let wait_timeout = check_milliseconds("wait_timeout_ms", config.wait_timeout_ms)?;
        let connect_timeout = check_milliseconds("connect_timeout_ms", config.connect_timeout_ms)?;
        let request_timeout = check_milliseconds("request_timeout_ms", config.request_timeout_ms)?;
        if config.wait_replicas > 0 && wait_timeout >= request_timeout {
            return Err(wrong(format!(
                "wait_timeout_ms = {} must be less than request_timeout_ms = {}",
                config.wait_timeout_ms, config.request_timeout_ms
            )));
        }
        let retry = config.retry.check()?;
        let address = address::Source {
            url: config.url,
            nodes: config.nodes,
            username: config.username,
            password_file: config.password_file,
            ca_file: config.ca_file,
            allow_plaintext: config.allow_plaintext,
        };
        let address = address.resolve()?;
        if cluster && address.database() != 0 {
            return Err(wrong("url names a database, but a cluster has only the database 0"));
        }
        Ok(Self {
            address,
            cluster,
            prefix: config.prefix,
            durability: config.durability,
            wait_replicas: config.wait_replicas,
            wait_timeout,
            allow_eviction: config.allow_eviction,
            ttl: config.ttl_seconds.map(Duration::from_secs),
            connections: config.connections,
            connect_timeout,
            request_timeout,
            retry,
        })
    }
}

fn check_prefix(prefix: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if prefix.is_empty() || prefix.len() > MAX_PREFIX_BYTES || !prefix.bytes().all(plain) {
        return Err(wrong(format!(
            "prefix = {prefix:?} is not allowed; it should be 1 to {MAX_PREFIX_BYTES} letters, digits and \
             characters of \"-_.:\""
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
