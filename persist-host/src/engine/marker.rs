//! The store marker: the object that says that this is a Persist store, and what it takes to read it.

use persist_plugin_api::{ListRequest, ReadPurpose};

use super::errors::unreadable;
use super::objects::Created;
use super::{Store, objects};
use crate::format::Marker;
use crate::{Error, ErrorKind, Result, key};

const WHAT: &str = "the store marker";

impl Store {
    /// The id that the store got when it was created; `None` for one that does not exist yet.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the store's marker is damaged, [`ErrorKind::Incompatible`] when it needs another
    /// release; otherwise what the backend reports.
    pub async fn store_id(&self) -> Result<Option<uuid::Uuid>> {
        self.check_marker().await?;
        Ok(self.shared.marker.get().map(|marker| marker.store_id))
    }

    /// For operations that read: the marker must be there, and this release must know everything it requires.
    pub(super) async fn open_marker(&self) -> Result<()> {
        let shared = &self.shared;
        let cell = match ReadPurpose::current() {
            _ if shared.marker.initialized() => return Ok(()),
            ReadPurpose::Decide => &shared.marker,
            _ => &shared.consulted_marker,
        };
        let marker = cell.get_or_try_init(|| async {
            self.load_marker().await?.ok_or_else(|| {
                let name = &self.options().name;
                Error::new(
                    ErrorKind::NotFound,
                    "store_not_found",
                    format!("there is no store in {name:?} yet"),
                )
                .with_context("key", key::MARKER)
                .with_hint("the first save creates it; `persist config show` says where the store is")
            })
        });
        marker.await.map(drop)
    }

    /// For operations that may write: a store that exists must be one that this release can write to.
    pub(super) async fn check_marker(&self) -> Result<()> {
        if !self.shared.marker.initialized()
            && let Some(marker) = self.load_marker().await?
        {
            self.shared.marker.get_or_init(|| async { marker }).await;
        }
        Ok(())
    }

    /// For operations that write: a store that does not exist is created.
    pub(super) async fn create_marker(&self) -> Result<()> {
        let marker = self.shared.marker.get_or_try_init(|| async {
            match self.load_marker().await? {
                Some(marker) => Ok(marker),
                None => self.write_marker().await,
            }
        });
        marker.await.map(drop)
    }

    async fn load_marker(&self) -> Result<Option<Marker>> {
        let Some(file) = self.read(key::MARKER).await? else { return Ok(None) };
        Marker::parse(&file).map(Some).map_err(|error| unreadable(&WHAT, key::MARKER, error))
    }

    async fn write_marker(&self) -> Result<Marker> {
        self.check_writable().await?;
        let snapshots = self.list_page(ListRequest::directory(key::agents_prefix()).limit(1)).await?;
        if !(snapshots.objects.is_empty() && snapshots.prefixes.is_empty()) {
            // Another writer may just have created the store; then the marker is there by now, since it comes first.
            return self.load_marker().await?.ok_or_else(|| {
                let message = "the store holds snapshots but its marker is missing, so what it takes to read them is \
                               not known; nothing was written";
                Error::new(ErrorKind::Integrity, "marker_missing", message)
                    .with_context("key", key::MARKER)
                    .with_hint("bring the marker back from a backup of the store")
            });
        }
        let marker = Marker::create();
        let file = marker.encode().map_err(|error| unreadable(&WHAT, key::MARKER, error))?;
        let failed = match self.create(key::MARKER, file.into()).await? {
            Created::Yes => return Ok(marker),
            Created::Exists => None,
            Created::Ambiguous(error) => Some(error),
            // Without a marker that lasts, nothing may be saved: the snapshots of a store without one cannot be read.
            Created::Refused(error) | Created::NotDurable(error) => return Err(cannot_create(error)),
        };
        // Whoever's marker is there now is the store's.
        match (self.load_marker().await?, failed) {
            (Some(marker), _) => Ok(marker),
            (None, Some(error)) => Err(cannot_create(error)),
            (None, None) => Err(objects::cannot_read(
                key::MARKER,
                persist_plugin_api::Error::new(
                    persist_plugin_api::ErrorCode::OTHER,
                    "the object exists for a writer and not for a reader",
                ),
            )),
        }
    }
}

fn cannot_create(error: persist_plugin_api::Error) -> Error {
    Error::from_adapter("cannot create the store", error).with_context("key", key::MARKER)
}
