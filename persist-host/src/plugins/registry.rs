//! The plugins that were found, and which of them serves each adapter's name.

use std::collections::BTreeMap;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use persist_plugin_api::host::OpenedStorage;
use persist_plugin_api::{AdapterDescriptor, BoxFuture, Descriptor, DynCompression, DynStorage, ErrorCode};
use serde_json::{Map, Value};

use super::claims::{Claim, Claims, claims};
use super::discover::{Verified, scan};
use super::error::Rejection;
use super::evidence::Purpose;
use super::load::load;
use super::parts::{OpenError, open_over};
use super::search::{Origin, SearchPath};
use crate::guard::guard_compression;
use crate::{CodecSource, Error, ErrorKind, Result, metrics};

/// The compression adapters that come with Persist, each in a plugin that is called after it.
const SHIPPED_CODECS: [&str; 5] = ["brotli", "gzip", "lz4", "none", "zstd"];

/// A kind of adapter that this release uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdapterKind {
    /// A place that keeps objects.
    Storage,
    /// A way to compress them.
    Compression,
}

impl AdapterKind {
    /// The name of the kind in descriptors.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Compression => "compression",
        }
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A plugin that passed every check that does not run it.
#[derive(Debug)]
pub struct PluginFile {
    pub(super) verified: Verified,
    origin: Origin,
    /// The scanned directory that it is of, by number.
    pub(super) directory: usize,
}

impl PluginFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.verified.path
    }

    /// Who named its directory.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// What it says of itself.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.verified.descriptor
    }

    fn adapter(&self, kind: AdapterKind, name: &str) -> Option<&AdapterDescriptor> {
        self.descriptor().adapters.iter().find(|it| it.kind == kind.as_str() && it.name == name)
    }
}

/// The plugins of a [`SearchPath`], by the names of their adapters.
///
/// An adapter of an earlier directory wins over one of the same kind and name in a later directory. Two different
/// files of *one* directory that offer the same adapter are both refused for that name.
#[derive(Debug)]
pub struct Plugins {
    pub(super) search: SearchPath,
    pub(super) files: Vec<PluginFile>,
    pub(super) claims: Claims,
    pub(super) rejected: Vec<Rejection>,
    codecs: Mutex<Codecs>,
}

#[derive(Default)]
struct Codecs(BTreeMap<String, Arc<dyn DynCompression>>);

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Plugins {
    /// Finds and checks the plugins of a search path. Runs none of their code, and never fails: what cannot be
    /// accepted is in [`rejected`](Plugins::rejected).
    #[must_use]
    pub fn discover(search: &SearchPath) -> Self {
        let mut rejected = Vec::new();
        let mut files = Vec::new();
        for (directory, scanned) in scan(search, Purpose::Use, &mut rejected).into_iter().enumerate() {
            let origin = scanned.origin;
            let plugins = scanned.plugins.into_iter();
            files.extend(plugins.map(|verified| PluginFile { verified, origin, directory }));
        }
        let claims = claims(&files, &mut rejected);
        rejected.iter().for_each(|rejection| metrics::count_refusal(&rejection.reason));
        Self { search: search.clone(), files, claims, rejected, codecs: Mutex::default() }
    }

    /// The plugins that were accepted, in the order of the search path.
    #[must_use]
    pub fn files(&self) -> &[PluginFile] {
        &self.files
    }

    /// The files and directories that were not accepted.
    #[must_use]
    pub fn rejected(&self) -> &[Rejection] {
        &self.rejected
    }

    /// The names of the adapters of a kind that can be opened, sorted.
    #[must_use]
    pub fn names(&self, kind: AdapterKind) -> Vec<&str> {
        let served = self.claims.iter().filter(|(_, claim)| matches!(claim, Claim::Served(_)));
        served.map(|(key, _)| key).filter(|key| key.0 == kind.as_str()).map(|key| key.1.as_str()).collect()
    }

    /// The plugin that serves an adapter.
    ///
    /// # Errors
    /// `plugin_missing` when there is none, with the names that exist, the directories that were searched and every
    /// file that was refused; `plugin_ambiguous` when two files of one directory offer it.
    pub fn resolve(&self, kind: AdapterKind, name: &str) -> Result<&PluginFile> {
        match self.claims.get(&(kind.as_str().to_owned(), name.to_owned())) {
            Some(Claim::Served(index)) => Ok(&self.files[*index]),
            Some(Claim::Contested(indices)) => {
                let paths: Vec<String> =
                    indices.iter().map(|index| self.files[*index].path().display().to_string()).collect();
                let message = format!(
                    "cannot choose a plugin for the {kind} adapter {name:?}: {} different files offer it",
                    paths.len()
                );
                let hint = format!("keep one of these files:\n  {}", paths.join("\n  "));
                Err(Error::new(ErrorKind::Plugin, "plugin_ambiguous", message).with_hint(hint))
            }
            None => {
                let message = format!("there is no {kind} adapter {name:?}");
                Err(Error::new(ErrorKind::Plugin, "plugin_missing", message).with_hint(self.inventory(kind)))
            }
        }
    }

    /// Opens a storage adapter with the options of its config section. Adapters that are options of it are opened first,
    /// each in its own plugin, and passed on; nothing of the host stands around these.
    ///
    /// # Errors
    /// For the adapter itself, and for each of those with its place in the context `part`: as [`resolve`](Plugins::resolve); an error of kind [`ErrorKind::Plugin`] when the plugin cannot be loaded;
    /// `adapter_options` when the adapter refuses the options; otherwise the adapter's own error.
    pub async fn open_storage(&self, name: &str, options: &Value) -> Result<Arc<dyn DynStorage>> {
        self.open(name, options, "").await.map(OpenedStorage::into_storage).map(Arc::from)
    }

    /// Opens a storage adapter that is an option of another, for the plugin of that one. Errors name its place in their
    /// context `part`.
    pub(super) fn open_part<'a>(
        &'a self,
        name: &'a str,
        options: &'a Value,
        place: String,
    ) -> BoxFuture<'a, Result<OpenedStorage>> {
        Box::pin(async move {
            let opened = self.open(name, options, &place).await;
            // What is below it named its own place already.
            opened.map_err(|error| match error.context().iter().any(|(name, _)| *name == "part") {
                true => error,
                false => error.with_context("part", place),
            })
        })
    }

    async fn open(&self, name: &str, options: &Value, place: &str) -> Result<OpenedStorage> {
        let file = self.resolve(AdapterKind::Storage, name)?;
        let schema = file.adapter(AdapterKind::Storage, name).map_or(&Value::Null, |adapter| &adapter.schema);
        let opened = open_over(load(&file.verified)?, name, schema, options, self, place).await;
        opened.map_err(|error| match error {
            OpenError::Part(error) => error,
            OpenError::Adapter(error) => open_error(file, AdapterKind::Storage, name, error),
        })
    }

    /// Opens a compression adapter with the options of its config section. Its drop is waited for two seconds, and then left
    /// to a thread of its own.
    ///
    /// # Errors
    /// As [`open_storage`](Plugins::open_storage).
    pub fn open_compression(&self, name: &str, options: &Value) -> Result<Arc<dyn DynCompression>> {
        let file = self.resolve(AdapterKind::Compression, name)?;
        let codec = load(&file.verified)?
            .open_compression(name, options)
            .map_err(|error| open_error(file, AdapterKind::Compression, name, error))?;
        let adapter = format!("the compression adapter {name:?} of the plugin {}", file.path().display());
        Ok(guard_compression(Arc::from(codec), &adapter))
    }

    /// What a person needs to find out why a name is missing.
    fn inventory(&self, kind: AdapterKind) -> String {
        let advice = match self.names(kind).as_slice() {
            [] => format!("no {kind} adapter was found; name a directory of plugins with --plugin-dir"),
            names => format!("use one of the {kind} adapters that were found: {}", names.join(", ")),
        };
        advice + &self.searched()
    }

    /// What a person needs to read what a missing codec wrote: no other will do.
    fn codec_hint(&self, name: &str) -> String {
        let advice = if SHIPPED_CODECS.contains(&name) {
            let file = format!("{DLL_PREFIX}persist_compression_{name}{DLL_SUFFIX}");
            format!("install {file}, which comes with Persist, into one of the directories that are searched")
        } else {
            format!("install the plugin that offers the compression adapter {name:?}")
        };
        advice + &self.searched()
    }

    /// The directories that were searched and what was refused there, each on a line of its own.
    fn searched(&self) -> String {
        let mut text = String::new();
        if self.search.directories().is_empty() {
            text.push_str("\nno directory was searched");
        } else {
            text.push_str("\nsearched:");
        }
        for directory in self.search.directories() {
            // Writing into a string cannot fail.
            let _ = write!(text, "\n  {} ({})", directory.path.display(), directory.origin);
        }
        if !self.rejected.is_empty() {
            text.push_str("\nrefused:");
        }
        for rejection in &self.rejected {
            let _ = write!(text, "\n  {rejection}");
        }
        text
    }
}

/// Codecs with their default options, each opened once: what is needed to read what some store's codec wrote.
impl CodecSource for Plugins {
    fn codec(&self, name: &str) -> Result<Arc<dyn DynCompression>> {
        let mut codecs = self.codecs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(codec) = codecs.0.get(name) {
            return Ok(Arc::clone(codec));
        }
        let opened = self.open_compression(name, &Value::Object(Map::new()));
        let codec = opened.map_err(|error| match error.code() {
            "plugin_missing" => error.with_hint(self.codec_hint(name)),
            _ => error,
        })?;
        codecs.0.insert(name.to_owned(), Arc::clone(&codec));
        Ok(codec)
    }
}

fn open_error(file: &PluginFile, kind: AdapterKind, name: &str, error: persist_plugin_api::Error) -> Error {
    let about_options = error.code() == ErrorCode::CONFIG;
    let error = Error::from_adapter(format!("cannot open the {kind} adapter {name:?}"), error)
        .with_context("plugin", file.path().display());
    match file.adapter(kind, name) {
        Some(adapter) if about_options => error.with_hint(options_hint(adapter)),
        _ => error,
    }
}

/// The options that an adapter's schema names.
fn options_hint(adapter: &AdapterDescriptor) -> String {
    let properties = adapter.schema.get("properties").and_then(Value::as_object);
    let names: Vec<&str> = properties.into_iter().flat_map(|map| map.keys()).map(String::as_str).collect();
    if names.is_empty() {
        format!("the adapter {:?} takes no options", adapter.name)
    } else {
        format!("the options of the adapter {:?} are: {}", adapter.name, names.join(", "))
    }
}
