//! Connections, and statements on them.

use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use persist_plugin_api::{Error, ErrorCode, Result};
use persist_plugin_network::within;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::Settings;
use crate::error::Call;
use crate::tls;

/// A parameter of a statement and its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection that carried more bytes than this at once is not used again: its buffers would keep that room.
const LARGE: usize = 16 << 20;

/// What becomes of an error after a statement was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The statement writes so many bytes: whether it did so may be open.
    Writes(usize),
    /// The statement only reads.
    Reads,
}

/// Connections that are opened when they are needed and used again.
pub(crate) struct Connections {
    pool: Pool,
    prepared: bool,
    limit: Duration,
    /// For connections that ask to cancel a statement, which may take so long.
    tls: MakeRustlsConnect,
    connect_limit: Duration,
}

impl Connections {
    /// Makes an empty pool. Nothing is sent.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let server = &settings.server;
        let tls = tls::connector(server.sslmode, server.roots.as_deref())?;
        // A connection that broke is noticed by the task that reads it, which is what `Fast` asks.
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(server.connection.clone(), tls.clone(), config);
        let timeouts = Timeouts {
            wait: Some(settings.pool_timeout),
            create: Some(settings.connect_timeout),
            recycle: Some(settings.connect_timeout),
        };
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| {
                Error::new(ErrorCode::OTHER, "cannot make a pool of connections").with_source(error)
            })?;
        Ok(Self {
            pool,
            prepared: settings.prepared_statements,
            limit: settings.attempt_timeout,
            tls,
            connect_limit: settings.connect_timeout,
        })
    }

    /// Takes a connection out of the pool, or opens one.
    pub(crate) async fn lease(&self, call: &Call<'_>) -> Result<Lease> {
        let object = self.pool.get().await.map_err(|error| call.no_connection(error))?;
        Ok(Lease { object: Some(object), tls: self.tls.clone(), limit: self.connect_limit })
    }

    /// Runs a statement by itself on a connection of its own.
    pub(crate) async fn run(
        &self,
        call: &Call<'_>,
        effect: Effect,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>> {
        let lease = self.lease(call).await?;
        let rows = match self.send(lease.client(call)?, call, effect, sql, parameters).await {
            Ok(rows) => rows,
            Err(error) => {
                lease.abandon().await;
                return Err(error);
            }
        };
        let rows = match effect {
            Effect::Writes(_) => rows.map_err(|error| call.failed(error)),
            Effect::Reads => rows.map_err(|error| call.failed_before(error)),
        };
        let written = if let Effect::Writes(bytes) = effect { bytes } else { 0 };
        let read = rows.iter().flatten().map(Row::raw_size_bytes).sum();
        if written.max(read) <= LARGE {
            lease.give_back();
        } else {
            lease.close();
        }
        rows
    }

    /// Sends a statement. The inner error is how it ended; after an outer one it may still be under way.
    async fn send(
        &self,
        client: &ClientWrapper,
        call: &Call<'_>,
        effect: Effect,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<std::result::Result<Vec<Row>, tokio_postgres::Error>> {
        let attempt = || call.to_string();
        let rows = if self.prepared {
            let types: Vec<Type> = parameters.iter().map(|(_, of)| of.clone()).collect();
            let preparing = async {
                client.prepare_typed_cached(sql, &types).await.map_err(|error| call.failed_before(error))
            };
            let statement = within(self.limit, attempt, preparing).await;
            let statement = statement.map_err(|error| error.not_applied(true))?;
            let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
            within(self.limit, attempt, async { Ok(client.query(&statement, &values).await) }).await
        } else {
            // One message: the server parses, plans and runs the statement without a name.
            within(self.limit, attempt, async { Ok(client.query_typed(sql, parameters).await) }).await
        };
        rows.map_err(|error| error.not_applied(effect == Effect::Reads))
    }

    /// The longest that a statement may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }
}

/// A connection that goes back into the pool only when its statement ended. Dropped earlier, it is closed and the statement
/// cancelled: nobody else waits behind a statement that was given up, and it does not change an object much later, when what
/// held it up is gone.
pub(crate) struct Lease {
    object: Option<Object>,
    tls: MakeRustlsConnect,
    limit: Duration,
}

impl Lease {
    pub(crate) fn client(&self, call: &Call<'_>) -> Result<&ClientWrapper> {
        self.object.as_deref().ok_or_else(|| gone(call))
    }

    pub(crate) fn client_mut(&mut self, call: &Call<'_>) -> Result<&mut ClientWrapper> {
        self.object.as_deref_mut().ok_or_else(|| gone(call))
    }

    /// Ends the lease of a connection that is ready for the next statement, or broken.
    pub(crate) fn give_back(mut self) {
        drop(self.object.take());
    }

    /// Ends the lease of a connection that nobody should use again, and that has nothing under way.
    pub(crate) fn close(mut self) {
        drop(self.object.take().map(Object::take));
    }

    /// Gives up the statement that is under way, and returns when the server was asked to do so, too.
    pub(crate) async fn abandon(mut self) {
        if let Some(asking) = self.cancel() {
            // Whether it came to pass is not known in any case: the statement may have ended just before.
            let _ = asking.await;
        }
    }

    fn cancel(&mut self) -> Option<JoinHandle<()>> {
        let client = Object::take(self.object.take()?);
        let token = client.cancel_token();
        // First nothing more is sent: the rest of a large statement must not follow the request that cancels it.
        drop(client);
        let (tls, limit) = (self.tls.clone(), self.limit);
        let asking = async move { drop(tokio::time::timeout(limit, token.cancel_query(tls)).await) };
        Some(Handle::try_current().ok()?.spawn(asking))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.cancel());
    }
}

fn gone(call: &Call<'_>) -> Error {
    call.error(ErrorCode::OTHER, "the connection was given back already")
}
