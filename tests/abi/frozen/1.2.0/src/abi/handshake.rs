//! The host's first contact with an opened plugin: is this the interface we know?
#![expect(unsafe_code, reason = "interprets the symbol of an opened library")]

use std::fmt;

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use abi_stable::library::{AbiHeaderRef, LibHeader, LibraryError, RootModule as _};
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::RString;
use serde_json::Value;

use super::foreign::{ForeignCompression, ForeignStorage};
use super::services::services;
use super::{PROTOCOL, PluginModule_Ref, StorageBox, WireResult};
use crate::{DynCompression, DynStorage, Error, ErrorCode, Result};

/// The symbol that every plugin exports.
pub const ENTRY_SYMBOL: &str = "persist_plugin_v1";

/// Why an opened library was not accepted as a plugin.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Its interface differs from the host's: the first line says how, `detail` holds the checker's whole report.
    Layout {
        /// The finding in one line.
        finding: String,
        /// Everything the layout checker said, up to hundreds of lines.
        detail: String,
    },
    /// It was built for another meaning of the interface.
    Protocol {
        /// The plugin's protocol number.
        found: u32,
        /// The host's.
        expected: u32,
    },
    /// Its initialisation failed.
    Init(Error),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout { finding, .. } => write!(f, "its interface differs from this host's: {finding}"),
            Self::Protocol { found, expected } => {
                write!(f, "it speaks plugin protocol {found}, this host speaks {expected}")
            }
            Self::Init(_) => f.write_str("its initialisation failed"),
        }
    }
}

impl std::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Init(error) => Some(error),
            Self::Layout { .. } | Self::Protocol { .. } => None,
        }
    }
}

/// A storage adapter that was opened, and is either called or passed on to an adapter over it.
pub struct OpenedStorage(StorageBox);

impl OpenedStorage {
    /// The adapter, to be called.
    #[must_use]
    pub fn into_storage(self) -> Box<dyn DynStorage> {
        Box::new(ForeignStorage::new(self.0))
    }
}

/// A connected plugin. It stays loaded for the life of the process.
#[derive(Clone, Copy)]
pub struct Plugin {
    module: PluginModule_Ref,
}

impl Plugin {
    /// Checks and initialises an opened plugin.
    ///
    /// # Errors
    /// When its interface, its protocol or its initialisation is not acceptable.
    ///
    /// # Safety
    /// `entry` is the address of the symbol [`ENTRY_SYMBOL`] in a library that is never closed again, and that symbol
    /// is what [`export_plugin!`](crate::export_plugin) made.
    pub unsafe fn connect(entry: *const ()) -> Result<Self, HandshakeError> {
        // SAFETY: the caller's promise.
        let header = unsafe { header(entry) }?;
        let module = match header.init_root_module::<PluginModule_Ref>() {
            Ok(module) => module,
            Err(error) => {
                // abi_stable accepts a plugin that is as new as the host or newer. An older plugin, which lacks what
                // was appended since, is compatible as well if the check holds the other way round: absent fields read
                // as `None`, and absent methods run their default bodies.
                let host = <PluginModule_Ref as StableAbi>::LAYOUT;
                let layout = header.layout().ok_or_else(|| layout_error(&error))?;
                if let Err(reverse) = check_layout_compatibility(layout, host) {
                    // What a plugin of an older release rightly lacks is no news; what else differs is.
                    return Err(if is_older(header.version_strings()) {
                        reverse_error(&reverse.to_string())
                    } else {
                        layout_error(&error)
                    });
                }
                // SAFETY: the layouts were compared just now.
                unsafe { header.init_root_module_with_unchecked_layout::<PluginModule_Ref>() }
                    .map_err(|error| layout_error(&error))?
            }
        };
        if module.protocol() != PROTOCOL {
            return Err(HandshakeError::Protocol { found: module.protocol(), expected: PROTOCOL });
        }
        match module.init()(services()) {
            WireResult::ROk(()) => Ok(Self { module }),
            WireResult::RErr(error) => Err(HandshakeError::Init(error.into())),
        }
    }

    /// The plugin's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.module.name().as_str()
    }

    /// The plugin's version.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.module.version().as_str()
    }

    /// Opens one of the plugin's storage adapters.
    ///
    /// # Errors
    /// The adapter's own, [`ErrorCode::CONFIG`](crate::ErrorCode::CONFIG) for options that it refuses.
    pub async fn open_storage(&self, adapter: &str, options: &Value) -> Result<Box<dyn DynStorage>> {
        self.open_storage_over(adapter, options, Vec::new()).await.map(OpenedStorage::into_storage)
    }

    /// Opens one of the plugin's storage adapters over others, which the options name by their numbers in `parts`.
    ///
    /// # Errors
    /// As [`open_storage`](Plugin::open_storage), and [`ErrorCode::UNSUPPORTED`] when there are parts and the plugin was
    /// built with a version of this crate before 1.2.0, which cannot take them.
    pub async fn open_storage_over(
        &self,
        adapter: &str,
        options: &Value,
        parts: Vec<OpenedStorage>,
    ) -> Result<OpenedStorage> {
        let (name, json) = (RString::from(adapter), RString::from(options.to_string()));
        let opening = match self.module.open_storage_over() {
            _ if parts.is_empty() => self.module.open_storage()(name, json),
            Some(open) => open(name, json, parts.into_iter().map(|part| part.0).collect()),
            None => {
                let message = format!(
                    "the plugin {} was built with a version of the plugin API before 1.2.0, which cannot pass other \
                     adapters to {adapter:?}; build it with this release's",
                    self.name()
                );
                return Err(Error::new(ErrorCode::UNSUPPORTED, message));
            }
        };
        match opening.await {
            WireResult::ROk(object) => Ok(OpenedStorage(object)),
            WireResult::RErr(error) => Err(error.into()),
        }
    }

    /// Opens one of the plugin's compression adapters.
    ///
    /// # Errors
    /// As [`open_storage`](Plugin::open_storage).
    pub fn open_compression(&self, adapter: &str, options: &Value) -> Result<Box<dyn DynCompression>> {
        match self.module.open_compression()(RString::from(adapter), RString::from(options.to_string())) {
            WireResult::ROk(object) => Ok(Box::new(ForeignCompression(object))),
            WireResult::RErr(error) => Err(error.into()),
        }
    }
}

/// The header that a plugin exports, once it is known to be one.
///
/// # Safety
/// As for [`Plugin::connect`].
pub(super) unsafe fn header(entry: *const ()) -> Result<&'static LibHeader, HandshakeError> {
    const { assert!(size_of::<AbiHeaderRef>() == size_of::<*const ()>()) };
    // SAFETY: `AbiHeaderRef` is a transparent pointer to the header that the symbol is.
    let header: AbiHeaderRef = unsafe { std::mem::transmute_copy(&entry) };
    header.upgrade().map_err(|error| layout_error(&error))
}

/// Whether the version of the API that a plugin was built with is older than the host's.
fn is_older(plugin: VersionStrings) -> bool {
    let numbers = |version: VersionStrings| version.parsed().ok().map(|it| (it.major, it.minor, it.patch));
    numbers(plugin) < numbers(PluginModule_Ref::VERSION_STRINGS)
}

fn layout_error(error: &LibraryError) -> HandshakeError {
    let detail = error.to_string();
    let finding = match error {
        LibraryError::IncompatibleVersionNumber { expected_version, actual_version, .. } => format!(
            "the host has version {expected_version} of the plugin API, the plugin has {actual_version}"
        ),
        _ => finding(&detail, "host", "plugin"),
    };
    HandshakeError::Layout { finding, detail }
}

/// The error of a check with the roles exchanged: what it calls expected is the plugin's.
fn reverse_error(detail: &str) -> HandshakeError {
    HandshakeError::Layout { finding: finding(detail, "plugin", "host"), detail: detail.to_owned() }
}

/// `abi_stable` reports up to 160 KB. A person needs the innermost finding: what differs, and who has what.
fn finding(detail: &str, expecting: &str, other: &str) -> String {
    let lines: Vec<&str> = detail.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let after = |from: usize, label: &str| {
        let line =
            lines[from..].iter().position(|line| *line == label).and_then(|at| lines.get(from + at + 1));
        line.map(|line| line.strip_prefix("field_name:").unwrap_or(line))
    };
    let finding = lines.iter().enumerate().rev().find_map(|(at, line)| {
        let what = line.strip_prefix("Error:")?.trim();
        let (expected, found) = (after(at, "Expected:")?, after(at, "Found:")?);
        Some(format!("{what}; the {expecting} has {expected}, the {other} has {found}"))
    });
    finding.unwrap_or_else(|| lines.first().map_or_else(|| "no detail".to_owned(), |line| (*line).to_owned()))
}
