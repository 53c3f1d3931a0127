//! Walks the search path and checks what is there. Nothing that is found is executed.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use persist_plugin_api::Descriptor;

use super::error::{RejectReason, Rejection};
use super::platform::LIBRARY_SUFFIX;
use super::search::{Origin, SearchDirectory, SearchPath};
use super::trust::{Trust, open, unreadable};
use super::{elf, trust};

/// A file that passed every check that does not run it. It stays open, so that what is loaded is what was checked.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) trust: Trust,
    pub(super) descriptor: Descriptor,
}

impl Verified {
    /// Checks one file that the user named.
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
        Ok(Self { path, file, trust: trust.clone(), descriptor })
    }
}

/// What one directory holds.
pub(super) struct Scanned {
    pub(super) origin: Origin,
    pub(super) plugins: Vec<Verified>,
}

/// Scans the directories in order. Those that hold no library at all come back without plugins.
pub(super) fn scan(search: &SearchPath, rejected: &mut Vec<Rejection>) -> Vec<Scanned> {
    let mut seen = Vec::new();
    let mut scanned = Vec::new();
    for directory in search.directories() {
        match scan_directory(directory, &mut seen, rejected) {
            Ok(plugins) => scanned.push(Scanned { origin: directory.origin, plugins }),
            Err(reason) => rejected.push(Rejection { path: directory.path.clone(), reason }),
        }
    }
    scanned
}

fn scan_directory(
    directory: &SearchDirectory,
    seen: &mut Vec<PathBuf>,
    rejected: &mut Vec<Rejection>,
) -> Result<Vec<Verified>, RejectReason> {
    let names = match library_names(&directory.path) {
        Ok(names) => names,
        Err(error) if !directory.origin.is_named_by_user() && error.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
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
        return Ok(Vec::new());
    }
    let trust = Trust::new(directory.installer);
    let canonical = trust.check_directory(&directory.path)?;
    if seen.contains(&canonical) {
        // Named twice, perhaps by two names. Its plugins do not shadow themselves.
        return Ok(Vec::new());
    }
    let mut plugins = Vec::new();
    for name in names {
        let path = canonical.join(name);
        match Verified::in_trusted_directory(path.clone(), &trust) {
            Ok(plugin) => plugins.push(plugin),
            Err(reason) if directory.origin == Origin::Executable && is_unrelated(&reason) => {}
            Err(reason) => rejected.push(Rejection { path, reason }),
        }
    }
    seen.push(canonical);
    Ok(plugins)
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
