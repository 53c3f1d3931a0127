//! The host's half of the boundary: a plugin's adapters as [`DynStorage`] and [`DynCompression`].

use std::ops::Range;

use abi_stable::std_types::RString;
use bytes::Bytes;

use super::wire::from_wire;
use super::{CallContext, CompressionBox, StorageBox};
use crate::dynamic::BoxFuture;
use crate::{
    Capabilities, DynCompression, DynStorage, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Request,
    Result,
};

/// A storage adapter that lives in a plugin.
pub(super) struct ForeignStorage {
    pub(super) object: StorageBox,
    pub(super) process: OpenedIn,
}

/// The process that opened an adapter. A child made by `fork` has the adapter's memory but neither its threads nor
/// sockets of its own, so a call there would hang or corrupt the parent's connections.
pub(super) struct OpenedIn(u32);

impl OpenedIn {
    pub(super) fn this_process() -> Self {
        Self(std::process::id())
    }

    fn check(&self) -> Result<()> {
        let now = std::process::id();
        if now == self.0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::FORKED,
            format!(
                "the adapter was opened in process {} and process {now} was forked from it; open the store again",
                self.0
            ),
        ))
    }
}

macro_rules! forward {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        Box::pin(async move {
            $self.process.check()?;
            from_wire($self.object.$method($($argument,)* CallContext::from(Request::current())).await)
        })
    };
}

impl DynStorage for ForeignStorage {
    fn capabilities<'a>(&'a self) -> BoxFuture<'a, Result<Capabilities>> {
        forward!(self, capabilities())
    }

    fn save<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        forward!(self, save(RString::from(key), data.into()))
    }

    fn save_if_absent<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Result<()>> {
        forward!(self, save_if_absent(RString::from(key), data.into()))
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Bytes>> {
        forward!(self, load(RString::from(key)))
    }

    fn load_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        forward!(self, load_range(RString::from(key), range.start, range.end))
    }

    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        forward!(self, exists(RString::from(key)))
    }

    fn stat<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<ObjectMeta>> {
        forward!(self, stat(RString::from(key)))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        forward!(self, delete(RString::from(key)))
    }

    fn list<'a>(&'a self, request: ListRequest) -> BoxFuture<'a, Result<ListPage>> {
        forward!(self, list(request.into()))
    }
}

/// A compression adapter that lives in a plugin. Its calls run on the caller's thread and hold no descriptors, so a
/// fork does not matter to it.
pub(super) struct ForeignCompression(pub(super) CompressionBox);

impl DynCompression for ForeignCompression {
    fn supports_prefix(&self) -> bool {
        self.0.supports_prefix()
    }

    fn compress(&self, input: Bytes) -> Result<Bytes> {
        from_wire(self.0.compress(input.into()))
    }

    fn decompress(&self, input: Bytes, max_output: u64) -> Result<Bytes> {
        from_wire(self.0.decompress(input.into(), max_output))
    }

    fn compress_with_prefix(&self, prefix: Bytes, input: Bytes) -> Result<Bytes> {
        from_wire(self.0.compress_with_prefix(prefix.into(), input.into()))
    }

    fn decompress_with_prefix(&self, prefix: Bytes, input: Bytes, max_output: u64) -> Result<Bytes> {
        from_wire(self.0.decompress_with_prefix(prefix.into(), input.into(), max_output))
    }
}
