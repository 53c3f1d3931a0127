//! Everything that crosses the boundary, in C layout. `docs/plugin-abi.md` says what may change and how.
//!
//! Rules that keep older plugins loading: fields and methods of the prefix types (the two traits,
//! [`PluginModule`], [`HostServices`]) are only ever appended; plain structs never change, and carry `extra` instead;
//! a change of *meaning* raises [`PROTOCOL`].
#![expect(non_camel_case_types, reason = "abi_stable derives the names of the types it generates")]
#![allow(missing_docs, unreachable_pub, unsafe_code, reason = "for the code that abi_stable generates")]
#![allow(clippy::allow_attributes, reason = "abi_stable's expansion decides which lints fire")]
#![allow(
    non_local_definitions,
    unused_qualifications,
    clippy::all,
    reason = "for the code that abi_stable generates"
)]

pub(crate) mod buffer;
pub mod export;
pub(crate) mod foreign;
#[cfg(feature = "host")]
pub(crate) mod handshake;
#[cfg(feature = "host")]
pub(crate) mod interface;
mod logging;
mod runtime;
#[cfg(feature = "host")]
pub(crate) mod services;
mod wire;

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RBox, ROption, RResult, RStr, RString, RVec, Tuple2};
use abi_stable::{package_version_strings, sabi_trait};
use async_ffi::FfiFuture;

pub(crate) use buffer::Buffer;

/// The meaning of what crosses the boundary, which no layout check can see.
///
/// A host refuses a plugin with another number.
pub const PROTOCOL: u32 = 1;

/// Pairs for later: the other side ignores the names it does not know.
pub type Extra = RVec<Tuple2<RString, RString>>;

/// [`crate::Error`] in C layout.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct WireError {
    pub code: u16,
    /// [`WireError::RETRYABLE`], [`WireError::NOT_APPLIED`]; the other bits are zero and ignored.
    pub flags: u32,
    pub message: RString,
    /// The chain of causes, the nearest first: `dyn Error` itself cannot cross.
    pub chain: RVec<RString>,
    pub extra: Extra,
}

impl WireError {
    pub const RETRYABLE: u32 = 1;
    pub const NOT_APPLIED: u32 = 1 << 1;
}

/// [`crate::Request`] in C layout: what accompanies every storage call.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct CallContext {
    pub extra: Extra,
}

/// [`crate::ObjectMeta`] in C layout.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct WireMeta {
    pub key: RString,
    pub size: u64,
    pub modified_unix_ms: ROption<i64>,
    pub etag: ROption<RString>,
    pub extra: Extra,
}

/// [`crate::ListRequest`] in C layout.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct WireListRequest {
    pub prefix: RString,
    pub start_after: ROption<RString>,
    pub by_directory: bool,
    pub limit: u32,
    pub continuation: ROption<RString>,
    pub extra: Extra,
}

/// [`crate::ListPage`] in C layout.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct WireListPage {
    pub objects: RVec<WireMeta>,
    pub prefixes: RVec<RString>,
    pub next: ROption<RString>,
    pub extra: Extra,
}

/// [`crate::Capabilities`] in C layout.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct WireCapabilities {
    pub flags: u64,
    pub max_object_size: ROption<u64>,
    pub extra: Extra,
}

impl WireCapabilities {
    pub const ATOMIC_CREATE: u64 = 1;
    pub const DURABLE: u64 = 1 << 1;
    pub const CONSISTENT_LIST: u64 = 1 << 2;
    pub const ORDERED_RECURSIVE_LIST: u64 = 1 << 3;
    /// [`Capabilities::keeps_versions`](crate::Capabilities::keeps_versions), since protocol 1 of release 0.2.0.
    pub const KEEPS_VERSIONS: u64 = 1 << 4;
}

pub type WireResult<T> = RResult<T, WireError>;
pub type WireFuture<T> = FfiFuture<WireResult<T>>;

/// [`crate::StorageAdapter`] as a table of functions.
#[sabi_trait]
pub trait StorageAbi: Send + Sync {
    fn capabilities(&self, context: CallContext) -> WireFuture<WireCapabilities>;
    fn save(&self, key: RString, data: Buffer, context: CallContext) -> WireFuture<()>;
    fn save_if_absent(&self, key: RString, data: Buffer, context: CallContext) -> WireFuture<()>;
    fn load(&self, key: RString, context: CallContext) -> WireFuture<Buffer>;
    fn load_range(&self, key: RString, start: u64, end: u64, context: CallContext) -> WireFuture<Buffer>;
    fn exists(&self, key: RString, context: CallContext) -> WireFuture<bool>;
    fn stat(&self, key: RString, context: CallContext) -> WireFuture<WireMeta>;
    fn delete(&self, key: RString, context: CallContext) -> WireFuture<()>;
    #[sabi(last_prefix_field)]
    fn list(&self, request: WireListRequest, context: CallContext) -> WireFuture<WireListPage>;
}

/// The `Box<dyn StorageAdapter>` that a plugin hands to the host.
pub type StorageBox = StorageAbi_TO<'static, RBox<()>>;

/// [`crate::CompressionAdapter`] as a table of functions.
#[sabi_trait]
pub trait CompressionAbi: Send + Sync {
    fn supports_prefix(&self) -> bool;
    fn compress(&self, input: Buffer) -> WireResult<Buffer>;
    fn decompress(&self, input: Buffer, max_output: u64) -> WireResult<Buffer>;
    fn compress_with_prefix(&self, prefix: Buffer, input: Buffer) -> WireResult<Buffer>;
    #[sabi(last_prefix_field)]
    fn decompress_with_prefix(&self, prefix: Buffer, input: Buffer, max_output: u64) -> WireResult<Buffer>;
}

/// The `Box<dyn CompressionAdapter>` that a plugin hands to the host.
pub type CompressionBox = CompressionAbi_TO<'static, RBox<()>>;

/// A log event on its way to the host.
#[repr(C)]
#[derive(StableAbi)]
pub struct LogRecord<'a> {
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub level: u8,
    /// The host's number of the innermost open span of the plugin, 0 outside any.
    pub span: u64,
    pub target: RStr<'a>,
    pub message: RStr<'a>,
    /// A JSON object.
    pub fields: RStr<'a>,
}

/// A span that opens in a plugin.
#[repr(C)]
#[derive(StableAbi)]
pub struct SpanRecord<'a> {
    pub level: u8,
    /// The host's number of the parent span, 0 for the host's own current span.
    pub parent: u64,
    pub name: RStr<'a>,
    pub target: RStr<'a>,
    /// A JSON object.
    pub fields: RStr<'a>,
}

/// What the host offers to plugins.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostServices_Ref, prefix_fields = HostServices_Prefix)))]
#[sabi(missing_field(option))]
pub struct HostServices {
    pub log_enabled: extern "C" fn(plugin: RStr<'_>, level: u8, target: RStr<'_>) -> bool,
    pub log: extern "C" fn(plugin: RStr<'_>, record: &LogRecord<'_>),
    /// Returns the host's number of the span, never 0 for an enabled one.
    pub span_open: extern "C" fn(plugin: RStr<'_>, record: &SpanRecord<'_>) -> u64,
    #[sabi(last_prefix_field)]
    pub span_close: extern "C" fn(span: u64),
}

/// The root of a plugin: what the host finds behind the plugin's one exported symbol.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModule_Ref, prefix_fields = PluginModule_Prefix)))]
#[sabi(missing_field(option))]
pub struct PluginModule {
    pub protocol: u32,
    pub name: RStr<'static>,
    pub version: RStr<'static>,
    pub init: extern "C" fn(HostServices_Ref) -> WireResult<()>,
    pub open_storage: extern "C" fn(adapter: RString, options_json: RString) -> WireFuture<StorageBox>,
    #[sabi(last_prefix_field)]
    pub open_compression:
        extern "C" fn(adapter: RString, options_json: RString) -> WireResult<CompressionBox>,
    /// As `open_storage`, for an adapter over others: where the options have one of these, the JSON holds its number in
    /// `parts`. Since 1.2.0.
    pub open_storage_over: extern "C" fn(
        adapter: RString,
        options_json: RString,
        parts: RVec<StorageBox>,
    ) -> WireFuture<StorageBox>,
}

impl RootModule for PluginModule_Ref {
    abi_stable::declare_root_module_statics! {PluginModule_Ref}
    const BASE_NAME: &'static str = "persist_plugin";
    const NAME: &'static str = "persist_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
