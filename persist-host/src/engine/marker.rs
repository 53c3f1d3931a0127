//! The store marker: the object that says that this is a Persist store, and what it takes to read it.

use std::sync::atomic::Ordering;

use persist_plugin_api::{ListRequest, ReadPurpose};

use super::errors::unreadable;
use super::objects::Created;
use super::{Store, objects};
use crate::format::Marker;
use crate::{Error, ErrorKind, Result, key};

/// What became of the store that this process began with.
pub(super) enum Presence {
    /// It is there.
    Same,
    /// It is not; instead there is this.
    Gone(String),
}

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
        if self.shared.replaced.load(Ordering::Relaxed)
            && let Presence::Gone(found) = self.presence().await?
        {
            return Err(self.replaced(&found));
        }
        let marker = self.shared.marker.get_or_try_init(|| async {
            match self.load_marker().await? {
                Some(marker) => Ok(marker),
                None => self.write_marker().await,
            }
        });
        marker.await.map(drop)
    }

    /// Whether the marker was read already, for an operation that decides.
    pub(super) fn knows_store(&self) -> bool {
        self.shared.marker.initialized()
    }

    /// Whether the storage still holds the store that this process began with: it may have been emptied, unmounted or
    /// replaced since, and what is saved there is then stored against snapshots that it does not have.
    pub(super) async fn presence(&self) -> Result<Presence> {
        let Some(known) = self.shared.marker.get() else { return Ok(Presence::Same) };
        let presence = match self.load_marker().await {
            Ok(Some(found)) if found.store_id == known.store_id => Presence::Same,
            Ok(Some(found)) => Presence::Gone(format!("the store {}", found.store_id)),
            Ok(None) => Presence::Gone("none".to_owned()),
            // A damaged marker says nothing of the snapshots, and whoever reads it next is told.
            Err(error) if error.kind() == ErrorKind::Integrity => Presence::Same,
            Err(error) => return Err(error),
        };
        self.shared.replaced.store(matches!(presence, Presence::Gone(_)), Ordering::Relaxed);
        Ok(presence)
    }

    /// The error of a save into a storage that holds another store by now. `found` is what is there.
    pub(super) fn replaced(&self, found: &str) -> Error {
        let expected = self.shared.marker.get().map(|marker| marker.store_id.to_string()).unwrap_or_default();
        let message = format!(
            "the storage of store {:?} was emptied or replaced while this process used it: expected the store {expected}, \
             found {found}; nothing was saved",
            self.options().name
        );
        Error::new(ErrorKind::Integrity, "store_replaced", message)
            .with_context("key", key::MARKER)
            .with_hint(
                "mount or bring back what was there, and save again; or start anew to use what is there now",
            )
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
