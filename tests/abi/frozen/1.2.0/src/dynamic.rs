//! The same adapters as trait objects: what the host's engine and the conformance checks work over.
//!
//! Every [`StorageAdapter`] and [`CompressionAdapter`] *is* one, so an adapter that is linked into the program and one
//! that came from a shared library are used alike.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;

use crate::{Capabilities, CompressionAdapter, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter};

/// A boxed future that borrows its adapter.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

macro_rules! dyn_storage {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {
        /// A [`StorageAdapter`] behind a pointer. The methods mean what they mean there.
        pub trait DynStorage: Send + Sync {
            $($(#[$doc])* fn $name<'a>(&'a self, $($argument: $type),*) -> BoxFuture<'a, Result<$output>>;)*
        }

        impl<A: StorageAdapter> DynStorage for A {
            $(fn $name<'a>(&'a self, $($argument: $type),*) -> BoxFuture<'a, Result<$output>> {
                Box::pin(StorageAdapter::$name(self, $($argument),*))
            })*
        }
    };
}

dyn_storage! {
    /// See [`StorageAdapter::capabilities`].
    fn capabilities() -> Capabilities;
    /// See [`StorageAdapter::save`].
    fn save(key: &'a str, data: Bytes) -> ();
    /// See [`StorageAdapter::save_if_absent`].
    fn save_if_absent(key: &'a str, data: Bytes) -> ();
    /// See [`StorageAdapter::load`].
    fn load(key: &'a str) -> Bytes;
    /// See [`StorageAdapter::load_range`].
    fn load_range(key: &'a str, range: Range<u64>) -> Bytes;
    /// See [`StorageAdapter::exists`].
    fn exists(key: &'a str) -> bool;
    /// See [`StorageAdapter::stat`].
    fn stat(key: &'a str) -> ObjectMeta;
    /// See [`StorageAdapter::delete`].
    fn delete(key: &'a str) -> ();
    /// See [`StorageAdapter::list`].
    fn list(request: ListRequest) -> ListPage;
}

/// A [`CompressionAdapter`] behind a pointer, over [`Bytes`] so that nothing is copied at the boundary.
pub trait DynCompression: Send + Sync {
    /// See [`CompressionAdapter::SUPPORTS_PREFIX`].
    fn supports_prefix(&self) -> bool;

    /// See [`CompressionAdapter::compress`].
    ///
    /// # Errors
    /// See there.
    fn compress(&self, input: Bytes) -> Result<Bytes>;

    /// See [`CompressionAdapter::decompress`].
    ///
    /// # Errors
    /// See there.
    fn decompress(&self, input: Bytes, max_output: u64) -> Result<Bytes>;

    /// See [`CompressionAdapter::compress_with_prefix`].
    ///
    /// # Errors
    /// See there.
    fn compress_with_prefix(&self, prefix: Bytes, input: Bytes) -> Result<Bytes>;

    /// See [`CompressionAdapter::decompress_with_prefix`].
    ///
    /// # Errors
    /// See there.
    fn decompress_with_prefix(&self, prefix: Bytes, input: Bytes, max_output: u64) -> Result<Bytes>;
}

impl<A: CompressionAdapter> DynCompression for A {
    fn supports_prefix(&self) -> bool {
        A::SUPPORTS_PREFIX
    }

    fn compress(&self, input: Bytes) -> Result<Bytes> {
        CompressionAdapter::compress(self, &input).map(Bytes::from)
    }

    fn decompress(&self, input: Bytes, max_output: u64) -> Result<Bytes> {
        CompressionAdapter::decompress(self, &input, max_output).map(Bytes::from)
    }

    fn compress_with_prefix(&self, prefix: Bytes, input: Bytes) -> Result<Bytes> {
        CompressionAdapter::compress_with_prefix(self, &prefix, &input).map(Bytes::from)
    }

    fn decompress_with_prefix(&self, prefix: Bytes, input: Bytes, max_output: u64) -> Result<Bytes> {
        CompressionAdapter::decompress_with_prefix(self, &prefix, &input, max_output).map(Bytes::from)
    }
}
