//! The plugin's half of the boundary: authors' adapters behind the tables of functions, and [`export_plugin!`].
//!
//! What is public here is public for the macro alone.
#![allow(clippy::allow_attributes, reason = "see the next line")]
#![allow(
    missing_docs,
    clippy::must_use_candidate,
    reason = "reached through the export macro, hidden from the docs"
)]

use std::future::Future;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use abi_stable::library::RootModuleResult;
use abi_stable::prefix_type::PrefixTypeTrait as _;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RString, RVec};
use async_ffi::FutureExt as _;
use serde::de::DeserializeOwned;

use super::foreign::ForeignStorage;
use super::runtime::{drop_guarded, guarded, guarded_future};
use super::wire::{FromPlain, to_wire};
use super::{
    Buffer, CallContext, CompressionAbi, CompressionAbi_TO, CompressionBox, HostServices_Ref, PROTOCOL,
    PluginModule, PluginModule_Ref, StorageAbi, StorageAbi_TO, StorageBox, WireCapabilities, WireError,
    WireFuture, WireListPage, WireListRequest, WireMeta, WireResult, logging,
};
use crate::part::with_parts;
use crate::{CompressionAdapter, Error, ErrorCode, ReadPurpose, Request, Result, StorageAdapter};

pub use abi_stable::library::{CheckTypeLayout, LibHeader};

/// An author's adapter. Its drop runs inside the plugin's runtime and may panic without ending the host: `abi_stable`
/// answers a panicking drop with `exit(1)`.
struct Exported<A>(ManuallyDrop<Arc<A>>);

impl<A> Exported<A> {
    fn new(adapter: A) -> Self {
        Self(ManuallyDrop::new(Arc::new(adapter)))
    }
}

impl<A> Drop for Exported<A> {
    #[expect(unsafe_code, reason = "moves the adapter out of its drop")]
    fn drop(&mut self) {
        // SAFETY: taken once, here, and never used again.
        drop_guarded(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}

impl<A: StorageAdapter> Exported<A> {
    /// Runs one call on a clone of the adapter's pointer, so that the future outlives the borrow.
    fn call<T, W, F>(
        &self,
        operation: &'static str,
        context: CallContext,
        call: impl FnOnce(Arc<A>) -> F,
    ) -> WireFuture<W>
    where
        W: FromPlain<T> + Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let future = call(Arc::clone(&self.0));
        let purpose = ReadPurpose::from(&context);
        let request = Request::from(context);
        guarded_future(operation, async move { to_wire(request.scope(purpose.scope(future)).await) })
    }
}

impl<A: StorageAdapter> StorageAbi for Exported<A> {
    fn capabilities(&self, context: CallContext) -> WireFuture<WireCapabilities> {
        self.call("capabilities", context, |adapter| async move { adapter.capabilities().await })
    }

    fn save(&self, key: RString, data: Buffer, context: CallContext) -> WireFuture<()> {
        self.call("save", context, |adapter| async move { adapter.save(&key, data.into_bytes()).await })
    }

    fn save_if_absent(&self, key: RString, data: Buffer, context: CallContext) -> WireFuture<()> {
        self.call("save_if_absent", context, |adapter| async move {
            adapter.save_if_absent(&key, data.into_bytes()).await
        })
    }

    fn load(&self, key: RString, context: CallContext) -> WireFuture<Buffer> {
        self.call("load", context, |adapter| async move { adapter.load(&key).await })
    }

    fn load_range(&self, key: RString, start: u64, end: u64, context: CallContext) -> WireFuture<Buffer> {
        self.call("load_range", context, |adapter| async move { adapter.load_range(&key, start..end).await })
    }

    fn exists(&self, key: RString, context: CallContext) -> WireFuture<bool> {
        self.call("exists", context, |adapter| async move { adapter.exists(&key).await })
    }

    fn stat(&self, key: RString, context: CallContext) -> WireFuture<WireMeta> {
        self.call("stat", context, |adapter| async move { adapter.stat(&key).await })
    }

    fn delete(&self, key: RString, context: CallContext) -> WireFuture<()> {
        self.call("delete", context, |adapter| async move { adapter.delete(&key).await })
    }

    fn list(&self, request: WireListRequest, context: CallContext) -> WireFuture<WireListPage> {
        self.call("list", context, |adapter| async move { adapter.list(request.into()).await })
    }
}

impl<A: CompressionAdapter> CompressionAbi for Exported<A> {
    fn supports_prefix(&self) -> bool {
        A::SUPPORTS_PREFIX
    }

    fn compress(&self, input: Buffer) -> WireResult<Buffer> {
        guarded("compress", || to_wire(self.0.compress(input.as_slice())))
    }

    fn decompress(&self, input: Buffer, max_output: u64) -> WireResult<Buffer> {
        guarded("decompress", || to_wire(self.0.decompress(input.as_slice(), max_output)))
    }

    fn compress_with_prefix(&self, prefix: Buffer, input: Buffer) -> WireResult<Buffer> {
        guarded("compress_with_prefix", || {
            to_wire(self.0.compress_with_prefix(prefix.as_slice(), input.as_slice()))
        })
    }

    fn decompress_with_prefix(&self, prefix: Buffer, input: Buffer, max_output: u64) -> WireResult<Buffer> {
        guarded("decompress_with_prefix", || {
            to_wire(self.0.decompress_with_prefix(prefix.as_slice(), input.as_slice(), max_output))
        })
    }
}

/// Reads an adapter's options out of the JSON that the host passes.
fn options<C: DeserializeOwned>(json: &str) -> Result<C> {
    // By way of a value: a message about the user's options must not speak of a line in JSON that the host wrote.
    let value: serde_json::Value =
        serde_json::from_str(json).map_err(|error| Error::new(ErrorCode::CONFIG, error.to_string()))?;
    serde_path_to_error::deserialize(value).map_err(|error| Error::new(ErrorCode::CONFIG, with_place(&error)))
}

/// A refusal of options that names the option, which serde's own words do only for unknown and missing ones.
fn with_place(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let (place, refusal) = (error.path(), error.inner().to_string());
    if place.iter().len() == 0 || refusal.starts_with(&format!("unknown field `{place}`")) {
        return refusal;
    }
    format!("`{place}`: {refusal}")
}

pub fn open_storage<A: StorageAdapter>(
    json: RString,
    parts: Option<RVec<StorageBox>>,
) -> WireFuture<StorageBox> {
    guarded_future("open", async move {
        let parts = parts.map(|parts| parts.into_iter().map(|part| ForeignStorage::shared(part)).collect());
        let opened = match with_parts(parts, || options(&json)) {
            Ok(config) => A::open(config).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(adapter) => RResult::ROk(StorageAbi_TO::from_value(Exported::new(adapter), TD_Opaque)),
            Err(error) => RResult::RErr(error.into()),
        }
    })
}

pub fn open_compression<A: CompressionAdapter>(json: &str) -> WireResult<CompressionBox> {
    guarded("open", || match options(json).and_then(A::open) {
        Ok(adapter) => RResult::ROk(CompressionAbi_TO::from_value(Exported::new(adapter), TD_Opaque)),
        Err(error) => RResult::RErr(error.into()),
    })
}

pub fn unknown_storage(name: &str) -> WireFuture<StorageBox> {
    let error = unknown(name);
    async move { RResult::RErr(error) }.into_ffi()
}

pub fn unknown_compression(name: &str) -> WireResult<CompressionBox> {
    RResult::RErr(unknown(name))
}

fn unknown(name: &str) -> WireError {
    Error::new(ErrorCode::CONFIG, format!("the plugin has no adapter {name:?}")).into()
}

pub fn initialise(plugin: &'static str, host: HostServices_Ref) -> WireResult<()> {
    guarded("init", || {
        logging::install(plugin, host);
        RResult::ROk(())
    })
}

pub fn module(
    name: &'static str,
    version: &'static str,
    init: extern "C" fn(HostServices_Ref) -> WireResult<()>,
    open_storage: extern "C" fn(RString, RString) -> WireFuture<StorageBox>,
    open_compression: extern "C" fn(RString, RString) -> WireResult<CompressionBox>,
    open_storage_over: extern "C" fn(RString, RString, RVec<StorageBox>) -> WireFuture<StorageBox>,
) -> PluginModule_Ref {
    PluginModule {
        protocol: PROTOCOL,
        name: name.into(),
        version: version.into(),
        init,
        open_storage,
        open_compression,
        open_storage_over,
    }
    .leak_into_prefix()
}

pub fn root(build: fn() -> PluginModule_Ref) -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(build)
}

/// Makes a shared library of this crate (`crate-type = ["cdylib"]`) into a Persist plugin.
///
/// List the adapters, each with its kind (`storage` or `compression`), the name that config files use, the type that
/// implements it, one sentence that describes it, and the JSON Schema of its options:
///
/// ```ignore
/// persist_plugin_api::export_plugin! {
///     storage "local" => LocalStorage {
///         description: "Keeps objects in a directory of the local file system.",
///         schema: include_str!("schema.json"),
///     }
/// }
/// ```
///
/// The crate's name and version become the plugin's. A program can hold one plugin's export at most, since its symbol
/// is fixed: put the macro behind a feature if the crate is also linked as a library.
#[macro_export]
macro_rules! export_plugin {
    ($($kind:ident $name:literal => $type:ty { description: $description:expr, schema: $schema:expr $(,)? })+) => {
        #[doc(hidden)]
        #[allow(unsafe_code, improper_ctypes_definitions)]
        mod persist_plugin_export {
            use super::*;
            use $crate::__private as api;

            const ADAPTERS: &[api::AdapterEntry] = &[$(api::AdapterEntry {
                kind: $crate::export_plugin!(@kind $kind),
                name: $name,
                description: $description,
                schema: $schema,
            }),+];
            const NAME: &str = env!("CARGO_PKG_NAME");
            const VERSION: &str = env!("CARGO_PKG_VERSION");
            const UNWINDS: bool = cfg!(panic = "unwind");

            // Read by the host from the file, without running any of its code.
            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,persist_plugin"))]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".persist.plugin"))]
            static DESCRIPTOR: [u8; api::descriptor_length(NAME, VERSION, UNWINDS, ADAPTERS)] =
                api::descriptor_bytes(NAME, VERSION, UNWINDS, ADAPTERS);

            extern "C" fn init(host: api::HostServices_Ref) -> api::WireResult<()> {
                api::initialise(NAME, host)
            }

            extern "C" fn open_storage(
                name: api::RString,
                json: api::RString,
            ) -> api::WireFuture<api::StorageBox> {
                $($crate::export_plugin!(@open_storage $kind $name $type, name, json, None);)+
                let _ = json;
                api::unknown_storage(&name)
            }

            extern "C" fn open_storage_over(
                name: api::RString,
                json: api::RString,
                parts: api::RVec<api::StorageBox>,
            ) -> api::WireFuture<api::StorageBox> {
                $($crate::export_plugin!(@open_storage $kind $name $type, name, json, Some(parts));)+
                let _ = (json, parts);
                api::unknown_storage(&name)
            }

            extern "C" fn open_compression(
                name: api::RString,
                json: api::RString,
            ) -> api::WireResult<api::CompressionBox> {
                $($crate::export_plugin!(@open_compression $kind $name $type, name, json);)+
                let _ = json;
                api::unknown_compression(&name)
            }

            fn build() -> api::PluginModule_Ref {
                api::module(NAME, VERSION, init, open_storage, open_compression, open_storage_over)
            }

            extern "C" fn root() -> api::RootModuleResult {
                api::root(build)
            }

            // SAFETY: `root` returns a `PluginModule_Ref`, whose layout travels in this header.
            #[allow(non_upper_case_globals)]
            #[unsafe(no_mangle)]
            pub static persist_plugin_v1: api::LibHeader = unsafe {
                api::LibHeader::from_constructor::<api::PluginModule_Ref>(root, api::CheckTypeLayout::Yes)
            };
        }
    };
    (@kind storage) => { "storage" };
    (@kind compression) => { "compression" };
    (@open_storage storage $name:literal $type:ty, $given:ident, $json:ident, $parts:expr) => {
        if $given == $name {
            return api::open_storage::<$type>($json, $parts);
        }
    };
    (@open_storage compression $name:literal $type:ty, $given:ident, $json:ident, $parts:expr) => {};
    (@open_compression compression $name:literal $type:ty, $given:ident, $json:ident) => {
        if $given == $name {
            return api::open_compression::<$type>(&$json);
        }
    };
    (@open_compression storage $name:literal $type:ty, $given:ident, $json:ident) => {};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "the options are only read")]
    struct Outer {
        pool_size: usize,
        retry: Option<Inner>,
        hosts: Option<Vec<String>>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "the options are only read")]
    struct Inner {
        attempts: u32,
    }

    #[test]
    fn a_refusal_names_the_option_and_says_it_once() {
        for (json, refusal) in [
            (r#"{"pool_size": "8"}"#, "`pool_size`: invalid type: string \"8\", expected usize"),
            (r#"{}"#, "missing field `pool_size`"),
            (r#"{"pol": 1}"#, "unknown field `pol`, expected one of `pool_size`, `retry`, `hosts`"),
            (
                r#"{"pool_size": 1, "retry": {"attempts": -1}}"#,
                "`retry.attempts`: invalid value: integer `-1`, expected u32",
            ),
            (
                r#"{"pool_size": 1, "retry": {"atempts": 1}}"#,
                "`retry.atempts`: unknown field `atempts`, expected `attempts`",
            ),
            (r#"{"pool_size": 1, "retry": {}}"#, "`retry`: missing field `attempts`"),
            (
                r#"{"pool_size": 1, "hosts": ["a", 2]}"#,
                "`hosts[1]`: invalid type: integer `2`, expected a string",
            ),
        ] {
            let error = options::<Outer>(json).unwrap_err();
            assert_eq!((error.code(), error.message()), (ErrorCode::CONFIG, refusal));
        }
    }
}
