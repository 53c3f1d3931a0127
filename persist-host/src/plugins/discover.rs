//! Walks the search path and checks what is there. Nothing that is found is executed.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use persist_plugin_api::Descriptor;

use super::error::{RejectReason, Rejection};
use super::evidence::{Evidence, Guard, Proven, Purpose};
use super::platform::LIBRARY_SUFFIX;
use super::policy::TrustPolicy;
use super::search::{Origin, SearchDirectory, SearchPath};
use super::trust::{Trust, open, unreadable};
use super::{elf, trust};
use crate::ContentHash;

/// A file that passed every check that does not run it. It stays open, so that what is loaded is what was checked.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) trust: Trust,
    pub(super) descriptor: Descriptor,
    /// What has to be true of its bytes before they run.
    pub(super) evidence: Evidence,
    /// The digest of the bytes that were loaded, once they were held against the evidence.
    pub(super) proven: OnceLock<ContentHash>,
}

impl Verified {
    /// Checks one file that the user named, whatever a lock file says of it: it may be about to be locked.
    pub(super) fn from_path(path: &Path) -> Result<Self, RejectReason> {
        let trust = Trust::new(None);
        // Opened before its directory is judged: a missing file is called missing.
        trust::open(path)?;
        let absolute = std::path::absolute(path).map_err(|error| unreadable(&error))?;
        let (Some(directory), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(RejectReason::NotAFile);
        };
        let directory = trust.check_directory(directory)?;
        Self::in_trusted_directory(directory.join(name), &trust)
    }

    fn in_trusted_directory(path: PathBuf, trust: &Trust) -> Result<Self, RejectReason> {
        let (file, metadata) = open(&path)?;
        trust.check_file(&metadata)?;
        let descriptor = elf::inspect(&file)?;
        let (trust, evidence) = (trust.clone(), Evidence::default());
        Ok(Self { path, file, trust, descriptor, evidence, proven: OnceLock::new() })
    }

    /// Holds the file against the lock file that lies beside it and against a policy, and reads it where either says
    /// something of its bytes. Returns what was found true of them.
    pub(super) fn prove(self, policy: &TrustPolicy) -> Result<(Self, Option<Proven>), RejectReason> {
        let directory = self.path.parent().unwrap_or(&self.path);
        let guard = Guard::of_directory(directory, &self.trust, policy, Purpose::Use)?;
        let guarded = self.guarded(&guard).map_err(|rejection| rejection.reason)?;
        let evidence = &guarded.evidence;
        let proven = evidence.binds().then(|| evidence.prove(&guarded.file)).transpose()?;
        Ok((guarded, proven))
    }

    /// Holds the file against what is known of its directory, without reading it.
    fn guarded(mut self, guard: &Guard) -> Result<Self, Rejection> {
        let size = self.file.metadata().map(|metadata| metadata.len()).map_err(|error| unreadable(&error));
        let evidence = size.and_then(|size| guard.evidence(&self.path, &self.descriptor, size));
        match evidence {
            Ok(evidence) => {
                self.evidence = evidence;
                Ok(self)
            }
            Err(reason) => Err(Rejection { path: self.path, reason }),
        }
    }
}

/// What one directory holds.
pub(super) struct Scanned {
    pub(super) origin: Origin,
    /// The directory's canonical path; as it was named when there is nothing in it.
    pub(super) directory: PathBuf,
    pub(super) plugins: Vec<Verified>,
}

/// Scans the directories in order. Those that hold no library at all come back without plugins.
pub(super) fn scan(search: &SearchPath, purpose: Purpose, rejected: &mut Vec<Rejection>) -> Vec<Scanned> {
    let mut seen = Vec::new();
    let mut scanned = Vec::new();
    for directory in search.directories() {
        match scan_directory(directory, search.policy(), purpose, &mut seen, rejected) {
            Ok(found) => scanned.push(found),
            Err(reason) => rejected.push(Rejection { path: directory.path.clone(), reason }),
        }
    }
    scanned
}

fn scan_directory(
    directory: &SearchDirectory,
    policy: &TrustPolicy,
    purpose: Purpose,
    seen: &mut Vec<PathBuf>,
    rejected: &mut Vec<Rejection>,
) -> Result<Scanned, RejectReason> {
    let origin = directory.origin;
    let nothing = |directory: PathBuf| Scanned { origin, directory, plugins: Vec::new() };
    let names = match library_names(&directory.path) {
        Ok(names) => names,
        Err(error) if !directory.origin.is_named_by_user() && error.kind() == io::ErrorKind::NotFound => {
            return Ok(nothing(directory.path.clone()));
        }
        Err(error) => {
            return Err(match error.kind() {
                io::ErrorKind::NotFound => RejectReason::Missing,
                io::ErrorKind::NotADirectory => RejectReason::NotADirectory,
                _ => unreadable(&error),
            });
        }
    };
    if names.is_empty() {
        return Ok(nothing(directory.path.clone()));
    }
    let trust = Trust::new(directory.installer);
    let canonical = trust.check_directory(&directory.path)?;
    if seen.contains(&canonical) {
        // Named twice, perhaps by two names. Its plugins do not shadow themselves.
        return Ok(nothing(canonical));
    }
    seen.push(canonical.clone());
    let mut plugins = Vec::new();
    for name in names {
        let path = canonical.join(name);
        match Verified::in_trusted_directory(path.clone(), &trust) {
            Ok(plugin) => plugins.push(plugin),
            Err(reason) if directory.origin == Origin::Executable && is_unrelated(&reason) => {}
            Err(reason) => rejected.push(Rejection { path, reason }),
        }
    }
    // The program's own directory may hold other libraries only, of which no lock file needs to speak.
    if plugins.is_empty() && origin == Origin::Executable {
        return Ok(nothing(canonical));
    }
    let guard = Guard::of_directory(&canonical, &trust, policy, purpose)?;
    let mut scanned = nothing(canonical);
    for plugin in plugins {
        match plugin.guarded(&guard) {
            Ok(plugin) => scanned.plugins.push(plugin),
            Err(rejection) => rejected.push(rejection),
        }
    }
    Ok(scanned)
}

/// The names of a directory's libraries, in the order of their bytes.
fn library_names(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if name.as_bytes().ends_with(LIBRARY_SUFFIX) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a file of the program's own directory has nothing to do with plugins. That directory is not kept for them:
/// a build puts every library there.
fn is_unrelated(reason: &RejectReason) -> bool {
    matches!(reason, RejectReason::NotAPlugin | RejectReason::NotALibrary | RejectReason::NotAFile)
}
