//! The adapter: state that its parts share, and the trait.

use std::future::IntoFuture;
use std::ops::Range;
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::options::{
    Acknowledgment, ClientOptions, Credential, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection};
use persist_plugin_api::{
    Bytes, Capabilities, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter, check_key,
};
use persist_plugin_network::within;
use tokio::sync::OnceCell;

use crate::config::{MongoConfig, Settings};
use crate::error::{Call, Place};

/// How often the driver looks after a server, unless the connection string says (`heartbeatFrequencyMS`).
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Keeps objects in MongoDB.
pub struct MongoStorage {
    pub(crate) settings: Settings,
    pub(crate) place: Place,
    client: OnceCell<Client>,
    /// The database was found fit to be written to.
    pub(crate) fit: OnceCell<()>,
}

impl MongoStorage {
    pub(crate) fn call<'a>(&'a self, verb: &'static str, key: Option<&'a str>) -> Call<'a> {
        Call { verb, key, place: &self.place }
    }

    /// Runs one request within its time.
    pub(crate) async fn attempt<T>(
        &self,
        call: Call<'_>,
        request: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T> {
        let request = async { request.await.map_err(|error| call.failed(error)) };
        within(self.settings.request_timeout, || call.to_string(), request).await
    }

    /// Makes requests that may be made twice without harm, again where that may help.
    pub(crate) async fn repeat<T, F>(&self, call: Call<'_>, mut request: impl FnMut() -> F) -> Result<T>
    where
        F: IntoFuture<Output = mongodb::error::Result<T>>,
    {
        self.settings.retry.repeat(call.verb, |_| self.attempt(call, request())).await
    }

    /// The objects.
    pub(crate) async fn objects(&self) -> Result<Collection<Document>> {
        self.collection("").await
    }

    /// The chunks of large objects.
    pub(crate) async fn chunks(&self) -> Result<Collection<Document>> {
        self.collection("_chunks").await
    }

    /// Which sets of chunks are perhaps superfluous.
    pub(crate) async fn marks(&self) -> Result<Collection<Document>> {
        self.collection("_marks").await
    }

    pub(crate) async fn client(&self) -> Result<&Client> {
        self.client.get_or_try_init(|| self.connect()).await
    }

    async fn collection(&self, suffix: &str) -> Result<Collection<Document>> {
        let database = self.client().await?.database(&self.settings.database);
        Ok(database.collection(&format!("{}{suffix}", self.settings.collection)))
    }

    /// Prepares the client. Only a name that stands for servers is asked for in the DNS; connections come about when they
    /// are needed.
    async fn connect(&self) -> Result<Client> {
        let settings = &self.settings;
        let call = self.call("prepare", None);
        let parsed = self.attempt(call, ClientOptions::parse(settings.connection.clone()));
        let mut options = parsed.await.map_err(|error| error.not_applied(true))?;
        options.server_selection_timeout = Some(settings.selection_timeout);
        options.connect_timeout = Some(settings.connect_timeout);
        // A server that fell silent is noticed after this and the time for a connection. One that is waited for is looked
        // for more often.
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        options.max_pool_size = Some(settings.connections);
        // The adapter repeats what it may, and tells what it does not know. Behind its back, the driver would also repeat
        // a creation, and only some servers notice that it is the same.
        options.retry_reads = Some(false);
        options.retry_writes = Some(false);
        options.max_adaptive_retries = Some(0);
        options.write_concern = Some(
            WriteConcern::builder()
                .w(Acknowledgment::Majority)
                .journal(true)
                .w_timeout(settings.write_timeout)
                .build(),
        );
        // What can be read is never rolled back. A secondary would not know the latest.
        options.read_concern = Some(ReadConcern::majority());
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.app_name.get_or_insert_with(|| "persist".to_owned());
        if settings.username.is_some() || settings.password.is_some() {
            let credential = options.credential.get_or_insert_with(Credential::default);
            if let Some(username) = &settings.username {
                credential.username = Some(username.clone());
            }
            if let Some(password) = &settings.password {
                credential.password = Some(password.expose().to_owned());
            }
        }
        Client::with_options(options).map_err(|error| call.failed(error))
    }
}

impl StorageAdapter for MongoStorage {
    type Config = MongoConfig;

    async fn open(config: MongoConfig) -> Result<Self> {
        let settings = Settings::try_from(config)?;
        let place = Place {
            database: settings.database.clone(),
            collection: settings.collection.clone(),
            servers: settings.servers.clone(),
            tls: settings.tls,
        };
        Ok(Self { settings, place, client: OnceCell::new(), fit: OnceCell::new() })
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        self.examined().await?;
        Ok(Capabilities::none()
            .atomic_create(true)
            .durable(true)
            .consistent_list(true)
            .ordered_recursive_list(true))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        check_key(key)?;
        self.replace(key, &data).await
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        check_key(key)?;
        self.create(key, &data).await
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        check_key(key)?;
        self.read(key, None).await
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        check_key(key)?;
        self.read(key, Some(range)).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        check_key(key)?;
        self.measure(key).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_key(key)?;
        self.remove(key).await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.list_page(&request).await
    }
}
