//! A storage adapter around another that lets no answer through that the interface does not allow.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use persist_plugin_api::{
    BoxFuture, Capabilities, DynStorage, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result,
};

use super::drops::Parting;
use super::pages::{self, MAX_OBJECT_BYTES, excerpt};

/// The adapter. The bytes of whole objects pass unseen: they carry hashes, which the engine checks.
pub(super) struct Checked {
    inner: Parting<dyn DynStorage>,
    adapter: String,
}

impl Checked {
    pub(super) fn new(inner: Arc<dyn DynStorage>, adapter: &str) -> Self {
        Self { inner: Parting::new(inner, adapter), adapter: adapter.to_owned() }
    }

    fn broken(&self, answer: &str) -> Error {
        Error::new(
            ErrorCode::WRONG_ANSWER,
            format!("{} answered what the interface does not allow: {answer}", self.adapter),
        )
    }
}

impl DynStorage for Checked {
    fn capabilities<'a>(&'a self) -> BoxFuture<'a, Result<Capabilities>> {
        self.inner.capabilities()
    }

    fn save<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        self.inner.save(key, data)
    }

    fn save_if_absent<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        self.inner.save_if_absent(key, data)
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Bytes>> {
        self.inner.load(key)
    }

    fn load_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        let most = range.end.saturating_sub(range.start);
        Box::pin(async move {
            let bytes = self.inner.load_range(key, range).await?;
            if bytes.len() as u64 <= most {
                return Ok(bytes);
            }
            Err(self.broken(&format!(
                "load_range of {key:?} gave {} bytes, and at most {most} were asked for",
                bytes.len()
            )))
        })
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        self.inner.exists(key)
    }

    fn stat<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<ObjectMeta>> {
        Box::pin(async move {
            let meta = self.inner.stat(key).await?;
            if meta.key != key {
                let found = excerpt(&meta.key);
                return Err(self.broken(&format!("stat of {key:?} describes the object {found:?}")));
            }
            if meta.size > MAX_OBJECT_BYTES {
                let size = meta.size;
                return Err(self.broken(&format!("stat of {key:?} says that it has {size} bytes")));
            }
            Ok(meta)
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        self.inner.delete(key)
    }

    fn list<'a>(&'a self, request: ListRequest) -> BoxFuture<'a, Result<ListPage>> {
        Box::pin(async move {
            let (request, progress) = pages::resume(request)?;
            let page = self.inner.list(request.clone()).await?;
            pages::check(&request, progress, page)
                .map_err(|answer| self.broken(&format!("list of {:?} {answer}", request.prefix)))
        })
    }
}
