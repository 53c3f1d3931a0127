//! Connections to a server or to a cluster.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use persist_plugin_api::{Error, ErrorCode, Result};
use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError, TlsCertificates, Value,
};
use tokio::sync::{OnceCell, Semaphore};

use crate::config::Settings;
use crate::error::{Failure, is_elsewhere};

/// A connection that nobody used for so long is tried before it is trusted: the server, or something between, may have
/// closed it, and a creation that is sent into a closed connection leaves open whether it happened.
const TRUSTED: Duration = Duration::from_secs(5);

/// What requests are sent through.
pub(crate) enum Link {
    Server(Box<Server>),
    Cluster(Box<Cluster>),
}

impl Link {
    /// Prepares it; nothing is sent.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        choose_provider();
        let refused =
            |error| Error::new(ErrorCode::CONFIG, "the Redis client refuses the options").with_source(error);
        if settings.cluster {
            Cluster::new(settings).map(Box::new).map(Self::Cluster).map_err(refused)
        } else {
            Server::new(settings).map(Box::new).map(Self::Server).map_err(refused)
        }
    }

    /// Sends commands together and returns their answers. In a cluster, all their keys must lie in one slot.
    pub(crate) async fn send<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Failure> {
        match self {
            Self::Server(server) => server.send(commands).await,
            Self::Cluster(cluster) => {
                let mut connection = cluster.connection().await?;
                commands.query_async(&mut connection).await.map_err(Failure::Request)
            }
        }
    }

    /// Sends a command about the server itself; in a cluster, to every primary.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Server(server) => {
                let mut commands = Pipeline::new();
                commands.add_command(command.clone());
                server.send(&commands).await
            }
            Self::Cluster(cluster) => {
                let primaries = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                let mut connection = cluster.connection().await?;
                let answer = connection.route_command(command.clone(), primaries).await;
                Ok(match answer.map_err(Failure::Request)? {
                    Value::Map(answers) => answers.into_iter().map(|(_, answer)| answer).collect(),
                    Value::Array(answers) => answers,
                    answer => vec![answer],
                })
            }
        }
    }
}

/// Makes a transaction of commands. The client library has transactions of its own, but loses errors that come at their
/// end, and panics in a task of its own when their beginning is refused.
pub(crate) fn transaction(commands: &Pipeline) -> Pipeline {
    let mut whole = Pipeline::new();
    whole.cmd("MULTI");
    for command in commands.cmd_iter() {
        whole.add_command(command.clone());
    }
    whole.cmd("EXEC");
    whole
}

/// The answers to the commands of a transaction, out of those to the transaction.
pub(crate) fn outcome(answers: Vec<Value>) -> Result<Vec<Value>, Failure> {
    let found = answers.into_iter().find_map(|answer| match answer {
        Value::Array(outcome) => Some(outcome),
        _ => None,
    });
    let missing = (redis::ErrorKind::UnexpectedReturnType, "a transaction has no outcome");
    found.ok_or_else(|| Failure::Request(missing.into()))
}

/// A pool of connections to one server. A request has its connection to itself, so that a large object holds up no other
/// request, and one that is given up takes its connection with it.
pub(crate) struct Server {
    client: Client,
    config: AsyncConnectionConfig,
    idle: Mutex<Vec<(MultiplexedConnection, Instant)>>,
    permits: Semaphore,
}

impl Server {
    fn new(settings: &Settings) -> Result<Self, RedisError> {
        let server = settings.address.servers.first().cloned();
        let server = server.ok_or((redis::ErrorKind::InvalidClientConfig, "no server"))?;
        let client = match &settings.address.certificates {
            // Without certificates of the user's, the library takes the system's.
            Some(TlsCertificates { root_cert: None, .. }) | None => Client::open(server)?,
            Some(certificates) => Client::build_with_tls(server, certificates.clone())?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.connect_timeout))
            // The adapter limits requests itself, all kinds of links alike.
            .set_response_timeout(None);
        Ok(Self { client, config, idle: Mutex::default(), permits: Semaphore::new(settings.connections) })
    }

    async fn send<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Failure> {
        // The semaphore is never closed; if it were, there would be one connection more.
        let _permit = self.permits.acquire().await.ok();
        let mut connection = self.connection().await?;
        let outcome = commands.query_async(&mut connection).await;
        match &outcome {
            // Others that were open at the same time are most likely as dead.
            Err(error) if error.is_unrecoverable_error() => self.idle().clear(),
            // After a failover, the name that was connected to may stand for another server.
            Err(error) if is_elsewhere(error) => self.idle().clear(),
            _ => self.idle().push((connection, Instant::now())),
        }
        outcome.map_err(Failure::Request)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Failure> {
        loop {
            let idle = self.idle().pop();
            match idle {
                Some((connection, since)) if since.elapsed() < TRUSTED => return Ok(connection),
                Some((mut connection, _)) => {
                    if redis::cmd("PING").exec_async(&mut connection).await.is_ok() {
                        return Ok(connection);
                    }
                    self.idle().clear();
                }
                None => break,
            }
        }
        self.connect().await.map_err(Failure::Connect)
    }

    /// Makes a connection and tries it. A user without a password, or one that may make no transactions, hears of it only
    /// when it asks; and where `MULTI` is refused, what follows it would be done piece by piece.
    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&self.config).await?;
        let mut trial = Pipeline::new();
        trial.cmd("MULTI").cmd("DISCARD");
        let _: Vec<Value> = trial.query_async(&mut connection).await?;
        Ok(connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(MultiplexedConnection, Instant)>> {
        // Nothing that holds the lock can panic half-way.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection to each node of a cluster.
pub(crate) struct Cluster {
    client: ClusterClient,
    connection: OnceCell<ClusterConnection>,
}

impl Cluster {
    fn new(settings: &Settings) -> Result<Self, RedisError> {
        let mut builder = ClusterClientBuilder::new(settings.address.servers.clone())
            // It would also repeat creations whose answers were lost. The adapter repeats what it may.
            .retries(0)
            .overall_response_timeout(None)
            .connection_timeout(settings.connect_timeout)
            .response_timeout(settings.request_timeout);
        if let Some(certificates) = &settings.address.certificates {
            builder = builder.certs(certificates.clone());
        }
        Ok(Self { client: builder.build()?, connection: OnceCell::new() })
    }

    async fn connection(&self) -> Result<ClusterConnection, Failure> {
        let connecting = self.connection.get_or_try_init(|| self.client.get_async_connection());
        connecting.await.cloned().map_err(Failure::Connect)
    }
}

/// The client library asks rustls for the provider that was installed, and panics when it cannot tell which. This
/// library has a rustls of its own, so that the choice is nobody else's; one that was made before stands.
fn choose_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
