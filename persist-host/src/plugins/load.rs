//! Loads a checked file: the one place where a plugin's code is brought in and first run.
#![expect(unsafe_code, reason = "opens a shared library and calls what it exports")]

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use persist_plugin_api::host::{ENTRY_SYMBOL, HandshakeError, LogPaused, Plugin, pause_log};

use super::content::sealed_copy;
use super::discover::Verified;
use super::elf::inspect;
use super::error::{RejectReason, Rejection};
use super::platform::path_of_open_file;
use super::trust::unreadable;
use crate::{ContentHash, Error, ErrorKind, Result, metrics};

/// The plugins that this process has loaded. They stay for its life: a plugin has threads and
/// thread-local destructors that would run code which is no longer there.
static LOADED: Mutex<BTreeMap<Identity, Plugin>> = Mutex::new(BTreeMap::new());

/// While it lives, no plugin is loaded, and none logs. See [`pause_plugins`].
pub struct PluginsPaused {
    // In the order in which they are given back: whoever loads a plugin may log.
    _log: LogPaused,
    _loaded: MutexGuard<'static, BTreeMap<Identity, Plugin>>,
}

/// Waits until no thread is loading a plugin or takes what a plugin logs, and keeps them from beginning.
///
/// For the moment of a `fork`, after which the child would wait for ever for a thread that it does not have. The thread
/// that forks lets go of it in both processes.
#[must_use]
pub fn pause_plugins() -> PluginsPaused {
    let loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    PluginsPaused { _log: pause_log(), _loaded: loaded }
}

/// By what a loaded plugin is known again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    /// The device and inode of its file.
    File(u64, u64),
    /// The digest of its bytes, where these had to be proven.
    Content(ContentHash),
}

/// Loads a plugin, or returns the one that was loaded from the same file before.
///
/// # Errors
/// Of kind [`ErrorKind::Plugin`]: the file was changed since it was checked, the dynamic linker refuses it, its
/// interface differs, its initialisation failed, or it is not what its descriptor says.
pub(super) fn load(verified: &Verified) -> Result<Plugin> {
    load_once(verified).inspect_err(|error| metrics::count_load(error.code()))
}

fn load_once(verified: &Verified) -> Result<Plugin> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(plugin) = verified.proven.get().and_then(|digest| loaded.get(&Identity::Content(*digest))) {
        return Ok(*plugin);
    }
    let (identity, file) = what_to_load(verified).map_err(|reason| refused(verified, reason))?;
    if let Some(plugin) = loaded.get(&identity) {
        remember(verified, identity);
        return Ok(*plugin);
    }
    // The file was checked when it was found, and that may be long ago.
    let descriptor = inspect(&file).map_err(|reason| refused(verified, reason))?;
    if descriptor != verified.descriptor {
        return Err(failed(verified, "plugin_changed", "it was changed since it was checked")
            .with_hint("run the command again; replace plugins by renaming, never in place"));
    }
    let entry = open(verified, file)?;
    // SAFETY: the symbol has the name that only `export_plugin!` gives, from a file that describes itself as a plugin
    // of our protocol, and `open` never closes a library.
    let plugin = unsafe { Plugin::connect(entry) }.map_err(|error| handshake_failed(verified, error))?;
    let (name, version) = (&verified.descriptor.name, &verified.descriptor.version);
    if plugin.name() != name || plugin.version() != version {
        let found =
            format!("it is {} {}, and its descriptor says {name} {version}", plugin.name(), plugin.version());
        return Err(failed(verified, "plugin_mismatch", &found).with_hint("build the plugin again"));
    }
    loaded.insert(identity, plugin);
    remember(verified, identity);
    metrics::count_load("ok");
    tracing::debug!(path = %verified.path.display(), name, version, "loaded a plugin");
    Ok(plugin)
}

/// The open file to load, and by what it is known.
///
/// The bytes of a file can be changed after they were read, even while it is loaded. Where they have to be proven, a copy is
/// loaded that nobody can change, and it is the copy that is held against the evidence.
fn what_to_load(verified: &Verified) -> std::result::Result<(Identity, File), RejectReason> {
    let metadata = verified.file.metadata().map_err(|error| unreadable(&error))?;
    verified.trust.check_file(&metadata)?;
    if !verified.evidence.binds() {
        let file = verified.file.try_clone().map_err(|error| unreadable(&error))?;
        return Ok((Identity::File(metadata.dev(), metadata.ino()), file));
    }
    let copy = sealed_copy(&verified.file).map_err(|error| unreadable(&error))?;
    Ok((Identity::Content(verified.evidence.prove(&copy)?.digest), copy))
}

/// Keeps the digest of what was loaded from a file, so that it need not be read for every adapter.
fn remember(verified: &Verified, identity: Identity) {
    if let Identity::Content(digest) = identity {
        // Who set it before found the plugin in `LOADED`, and so does everybody after.
        let _ = verified.proven.set(digest);
    }
}

/// Opens the library for good and returns the address of its entry symbol.
fn open(verified: &Verified, file: File) -> Result<*const ()> {
    let dlopen_failed = |error: libloading::Error| {
        failed(verified, "plugin_load_failed", "the dynamic linker refuses it")
            .with_hint("run 'persist plugins check' on the file; build it for this system")
            .with_source(error)
    };
    // Through the descriptor: the name may lead to another file by now.
    let path = path_of_open_file(&file);
    // SAFETY: the initialisers of the library run. The file is one that root, the installer or the user wrote, and it
    // describes itself as a plugin: running it is what the user asks for by naming its adapter.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }.map_err(dlopen_failed)?;
    // The dynamic linker remembers the library under that path. If the descriptor were closed and its number came back
    // for another plugin, the linker would return this library again.
    std::mem::forget(file);
    let library = std::mem::ManuallyDrop::new(library);
    // SAFETY: nothing is read through the symbol here; the address is all that is taken.
    let symbol = unsafe { library.get::<*const ()>(ENTRY_SYMBOL) }.map_err(dlopen_failed)?;
    Ok(symbol.as_raw_ptr().cast_const().cast())
}

fn failed(verified: &Verified, code: &'static str, what: &str) -> Error {
    let message = format!("cannot load the plugin {}: {what}", verified.path.display());
    Error::new(ErrorKind::Plugin, code, message).with_context("plugin", verified.path.display())
}

/// The error for a file that no longer passes the checks.
pub(super) fn refused(verified: &Verified, reason: RejectReason) -> Error {
    rejection_error(&Rejection { path: verified.path.clone(), reason })
}

/// The error for a file that was refused and is needed.
pub(super) fn rejection_error(rejection: &Rejection) -> Error {
    Error::new(ErrorKind::Plugin, "plugin_refused", format!("cannot use the plugin {rejection}"))
        .with_context("plugin", rejection.path.display())
        .with_context("reason", rejection.reason.code())
}

fn handshake_failed(verified: &Verified, error: HandshakeError) -> Error {
    if let HandshakeError::Layout { detail, .. } = &error {
        tracing::debug!(path = %verified.path.display(), detail, "the plugin's interface differs");
    }
    let told = match &error {
        HandshakeError::Init(_) => failed(verified, "plugin_init_failed", "it cannot be initialised"),
        _ => failed(verified, "plugin_incompatible", "it does not fit this release")
            .with_hint("get the plugin for this release, or build it with this release's plugin API"),
    };
    told.with_source(error)
}
