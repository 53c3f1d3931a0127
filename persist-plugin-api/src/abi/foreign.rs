//! The caller's half of the boundary: a plugin's adapters as [`DynStorage`] and [`DynCompression`]. The host calls them, and
//! so does a plugin whose adapters are made over those of others.

use std::ops::Range;
use std::sync::Arc;

use abi_stable::std_types::RString;
use bytes::Bytes;

#[cfg(feature = "host")]
use super::CompressionBox;
use super::wire::from_wire;
use super::{CallContext, StorageBox};
#[cfg(feature = "host")]
use crate::DynCompression;
use crate::dynamic::BoxFuture;
use crate::{Capabilities, DynStorage, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result};

/// A storage adapter that lives in a plugin.
pub(super) struct ForeignStorage {
    object: StorageBox,
    process: OpenedIn,
}

impl ForeignStorage {
    /// What was just opened.
    pub(super) fn new(object: StorageBox) -> Self {
        Self { object, process: OpenedIn::this_process() }
    }

    /// The same, for several owners.
    pub(super) fn shared(object: StorageBox) -> Arc<dyn DynStorage> {
        Arc::new(Self::new(object))
    }
}

/// The process that opened an adapter. A child made by `fork` has the adapter's memory but neither its threads nor
/// sockets of its own, so a call there would hang or corrupt the parent's connections.
struct OpenedIn(u32);

impl OpenedIn {
    fn this_process() -> Self {
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
            from_wire($self.object.$method($($argument,)* CallContext::current()).await)
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
#[cfg(feature = "host")]
pub(super) struct ForeignCompression(pub(super) CompressionBox);

#[cfg(feature = "host")]
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
