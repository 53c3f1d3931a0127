//! Single objects of the store: reading and creating them, with errors that name the key.

use bytes::Bytes;
use persist_plugin_api::{self as plugin, ErrorCode, ListPage, ListRequest};

use super::Store;
use super::errors::unreadable;
use super::purpose;
use crate::format::{FormatError, PrefixParse, Record};
use crate::{Error, Result, SessionRef, SnapshotIndex, key};

/// How much of an object is read to get its header in one request; nearly every header is far smaller.
const HEADER_READ_BYTES: u64 = 4096;

/// How an attempt to create an object ended.
pub(super) enum Created {
    /// It exists now, and this attempt made it.
    Yes,
    /// An object with that key exists; whether an earlier try of this attempt made it, only reading tells.
    Exists,
    /// The adapter failed and the object may or may not exist now, or come into being later.
    Ambiguous(plugin::Error),
    /// The object may exist, but not for long: the adapter could not make it durable. Or it may come into being at any
    /// time, on top of whatever is there then, because the adapter cannot create atomically. Reading it back proves
    /// nothing.
    NotDurable(plugin::Error),
    /// The adapter failed and certainly nothing was written.
    Refused(plugin::Error),
}

/// A record, as its header tells, with the size of its object.
pub(super) struct Located {
    pub(super) record: Record,
    pub(super) stored_bytes: u64,
}

impl Store {
    /// Creates an object if its key is free.
    pub(super) async fn create(&self, key: &str, data: Bytes) -> Result<Created> {
        if !self.check_writable().await?.atomic_create {
            return Ok(self.create_alone(key, data).await);
        }
        Ok(match self.storage().save_if_absent(key, data).await {
            Ok(()) => Created::Yes,
            Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => Created::Exists,
            Err(error) if error.is_not_applied() => Created::Refused(error),
            Err(error) if error.code() == ErrorCode::NOT_DURABLE => Created::NotDurable(error),
            Err(error) => Created::Ambiguous(error),
        })
    }

    /// As [`create`](Store::create) where the storage cannot do so atomically. The user vouched for being the only
    /// writer (`single_writer`), so nobody comes between the calls. A write that is left open would overwrite whatever
    /// it meets when it lands, so after one that cannot be found to have landed nothing more is written.
    async fn create_alone(&self, key: &str, data: Bytes) -> Created {
        match self.storage().exists(key).await {
            Ok(true) => return Created::Exists,
            Ok(false) => {}
            Err(error) => return Created::Refused(error),
        }
        match self.storage().save(key, data.clone()).await {
            Ok(()) => Created::Yes,
            Err(error) if error.is_not_applied() => Created::Refused(error),
            Err(error) => {
                let durable = error.code() != ErrorCode::NOT_DURABLE;
                if durable && self.storage().load(key).await.is_ok_and(|found| found == data) {
                    return Created::Yes;
                }
                self.stop_writing();
                Created::NotDurable(error)
            }
        }
    }

    /// Reads a whole object; `None` when there is none.
    pub(super) async fn read(&self, key: &str) -> Result<Option<Bytes>> {
        match self.storage().load(key).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.code() == ErrorCode::NOT_FOUND => Ok(None),
            Err(error) => Err(cannot_read(key, error)),
        }
    }

    /// As [`read`](Store::read), for an object that is checked by its hash and counts by what is read besides.
    pub(super) async fn read_content(&self, key: &str) -> Result<Option<Bytes>> {
        purpose::content(self.read(key)).await
    }

    /// Whether an object exists.
    pub(super) async fn object_exists(&self, key: &str) -> Result<bool> {
        self.storage().exists(key).await.map_err(|error| cannot_read(key, error))
    }

    /// Replaces an object by another; whether it was there before does not matter.
    pub(super) async fn overwrite(&self, key: &str, data: Bytes) -> Result<()> {
        self.check_writable().await?;
        self.storage().save(key, data).await.map_err(|error| {
            Error::from_adapter(format!("cannot replace the object {key:?}"), error).with_context("key", key)
        })
    }

    /// Removes an object; one that is not there is fine.
    pub(super) async fn remove(&self, key: &str) -> Result<()> {
        self.check_writable().await?;
        self.storage().delete(key).await.map_err(|error| {
            Error::from_adapter(format!("cannot remove the object {key:?}"), error).with_context("key", key)
        })
    }

    /// Reads and checks the header of a record, without its body; `None` when there is no object.
    pub(super) async fn read_record(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        key: &str,
    ) -> Result<Option<Located>> {
        let what = format!("the snapshot {session}@{index}");
        let located = self.read_any_record(&what, key).await?;
        if let Some(located) = &located {
            let place = located.record.expect_place(session, index);
            place.map_err(|error| unreadable(&what, key, error))?;
        }
        Ok(located)
    }

    /// As [`read_record`](Store::read_record), for an object whose ids are not known before.
    pub(super) async fn read_any_record(&self, what: &str, key: &str) -> Result<Option<Located>> {
        let Some((record, header_end)) = self.read_header(what, key, Record::parse_prefix).await? else {
            return Ok(None);
        };
        let stored_bytes = record.object_len(header_end).map_err(|error| unreadable(&what, key, error))?;
        Ok(Some(Located { record, stored_bytes }))
    }

    /// Reads and checks the header of an object, and where it ends; `None` when there is no object.
    pub(super) async fn read_header<T>(
        &self,
        what: &str,
        key: &str,
        parse: fn(&[u8]) -> Result<PrefixParse<T>, FormatError>,
    ) -> Result<Option<(T, usize)>> {
        let mut wanted = HEADER_READ_BYTES;
        loop {
            let prefix = match self.storage().load_range(key, 0..wanted).await {
                Ok(prefix) => prefix,
                Err(error) if error.code() == ErrorCode::NOT_FOUND => return Ok(None),
                Err(error) => return Err(cannot_read(key, error)),
            };
            match parse(&prefix).map_err(|error| unreadable(&what, key, error))? {
                PrefixParse::Complete { record, header_end } => return Ok(Some((record, header_end))),
                PrefixParse::NeedMore(needed) if needed as u64 > wanted => wanted = needed as u64,
                // More was asked for than the object has: it ends inside its header.
                PrefixParse::NeedMore(needed) => {
                    let cut = FormatError::Truncated { expected: needed as u64, found: prefix.len() as u64 };
                    return Err(unreadable(&what, key, cut));
                }
            }
        }
    }

    /// One page of a listing.
    pub(super) async fn list_page(&self, request: ListRequest) -> Result<ListPage> {
        let prefix = request.prefix.clone();
        self.storage().list(request).await.map_err(|error| {
            Error::from_adapter(format!("cannot list the objects below {prefix:?}"), error)
                .with_context("store", &self.options().name)
        })
    }

    /// The numbers of the objects directly below a prefix, ascending, with their sizes. Other names are passed over.
    pub(super) async fn list_numbers(&self, prefix: &str) -> Result<Vec<(u64, u64)>> {
        let mut numbers = Vec::new();
        let mut request = ListRequest::directory(prefix);
        loop {
            let page = self.list_page(request.clone()).await?;
            numbers.extend(page.objects.iter().filter_map(|object| {
                let number = key::parse_index(object.key.strip_prefix(prefix)?)?;
                Some((number.get(), object.size))
            }));
            if page.next.is_none() {
                break;
            }
            request = request.continued(page.next);
        }
        // An adapter's order is a promise of a plugin; what follows relies on it.
        numbers.sort_unstable();
        Ok(numbers)
    }
}

pub(super) fn cannot_read(key: &str, error: plugin::Error) -> Error {
    let attempt = format!("cannot read the object {key:?}");
    let missing = error.code() == ErrorCode::NOT_FOUND;
    debug_assert!(!missing, "a missing object is an answer, not an error");
    Error::from_adapter(attempt, error).with_context("key", key)
}
