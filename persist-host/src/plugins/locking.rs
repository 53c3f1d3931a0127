//! Writes lock files, and checks that they still hold.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde::Serialize;

use super::discover::{Scanned, Verified, scan};
use super::error::{LockProblem, RejectReason, Rejection};
use super::evidence::Purpose;
use super::listing::RejectedRow;
use super::lock::{Lock, LockedFile, path_of_lock};
use super::search::SearchPath;
use super::trust::{Trust, unreadable};
use crate::{Error, ErrorKind, Result};

/// A lock file that was written. Its JSON is a stable interface.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LockReport {
    /// The lock file.
    pub path: String,
    /// The plugins that it lists.
    pub plugins: Vec<LockedPlugin>,
    /// The names of files that the lock file before it listed.
    pub forgotten: Vec<String>,
    /// The files that are no plugins that could be loaded.
    pub left_out: Vec<RejectedRow>,
}

/// A plugin in a lock file.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LockedPlugin {
    /// The file's name.
    pub file: String,
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its adapters, each `KIND NAME`.
    pub adapters: Vec<String>,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// How it stands to the lock file that was there before.
    pub change: LockChange,
}

/// How an entry of a lock file stands to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LockChange {
    /// The file was not listed.
    Added,
    /// It was listed with other bytes.
    Changed,
    /// It was listed as it is.
    Unchanged,
}

/// What was found of the lock files of a search path. Its JSON is a stable interface.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LockVerdict {
    /// The lock files that there are.
    pub locks: Vec<String>,
    /// The files that are as they were locked.
    pub matching: Vec<String>,
    /// What is not as it was locked, and what was not locked.
    pub mismatches: Vec<RejectedRow>,
}

/// Writes the lock file of every directory that holds a plugin, or to `output` that of the only one. Files that could not be
/// loaded anyway are left out. A lock file that is there already is replaced as a whole, or stays as it was.
///
/// # Errors
/// Of kind [`ErrorKind::Plugin`] when there is no plugin to lock; [`ErrorKind::InvalidInput`] when there is an `output` and
/// more than one directory; [`ErrorKind::Other`] when a file cannot be written.
pub fn lock_plugins(search: &SearchPath, output: Option<&Path>) -> Result<Vec<LockReport>> {
    let mut rejected = Vec::new();
    let mut scanned = scan(search, Purpose::Lock, &mut rejected);
    scanned.retain(|found| !found.plugins.is_empty());
    if scanned.is_empty() {
        let refused: Vec<String> = rejected.iter().map(|rejection| format!("\n  {rejection}")).collect();
        let hint = match refused.as_slice() {
            [] => "name the directory that holds the plugins".to_owned(),
            refused => format!("these were refused:{}", refused.concat()),
        };
        let message = "there is no plugin to lock";
        return Err(Error::new(ErrorKind::Plugin, "plugin_missing", message).with_hint(hint));
    }
    if output.is_some() && scanned.len() > 1 {
        let directories: Vec<_> = scanned.iter().map(|found| found.directory.display().to_string()).collect();
        let message = format!("one lock file cannot hold {} directories", directories.len());
        let hint = format!("name one of them:\n  {}", directories.join("\n  "));
        return Err(Error::new(ErrorKind::InvalidInput, "lock_directories", message).with_hint(hint));
    }
    scanned.iter().map(|found| lock_directory(found, &rejected, output)).collect()
}

/// Holds every plugin of a search path against the lock file of its directory, byte by byte. A directory that holds plugins
/// and no lock file is a mismatch, and so is a lock file that cannot be used.
#[must_use]
pub fn verify_locks(search: &SearchPath) -> LockVerdict {
    let mut rejected = Vec::new();
    let strict = search.clone().with_policy(search.policy().clone().require_lock(true));
    let scanned = scan(&strict, Purpose::Use, &mut rejected);
    let mut verdict = LockVerdict { locks: Vec::new(), matching: Vec::new(), mismatches: Vec::new() };
    let mut listed = Vec::new();
    for directory in strict.directories() {
        let Ok(directory_path) = directory.path.canonicalize() else { continue };
        // One that cannot be used is among the rejected.
        let Ok(Some((lock, _))) = Lock::read(&directory_path, &Trust::new(directory.installer)) else {
            continue;
        };
        let path = path_of_lock(&directory_path).display().to_string();
        if verdict.locks.contains(&path) {
            continue;
        }
        verdict.locks.push(path);
        listed.extend(lock.entries().map(|entry| directory_path.join(&entry.file)));
    }
    for plugin in scanned.iter().flat_map(|found| &found.plugins) {
        match plugin.evidence.prove(&plugin.file) {
            Ok(_) => verdict.matching.push(plugin.path.display().to_string()),
            Err(reason) => rejected.push(Rejection { path: plugin.path.clone(), reason }),
        }
    }
    rejected.extend(
        listed
            .iter()
            .filter(|path| is_absent(path))
            .map(|path| Rejection { path: path.clone(), reason: LockProblem::Absent.into() }),
    );
    // What nobody locked and nobody could load is no mismatch.
    rejected.retain(|rejection| {
        matches!(rejection.reason, RejectReason::Lock(_) | RejectReason::Signature(_))
            || listed.contains(&rejection.path)
            || strict.directories().iter().any(|directory| directory.path == rejection.path)
    });
    rejected.sort_by(|one, other| one.path.cmp(&other.path));
    verdict.mismatches = rejected.iter().map(RejectedRow::new).collect();
    verdict
}

fn is_absent(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Writes the lock file of one directory.
fn lock_directory(found: &Scanned, rejected: &[Rejection], output: Option<&Path>) -> Result<LockReport> {
    let path = output.map_or_else(|| path_of_lock(&found.directory), Path::to_owned);
    let mut left_out: Vec<RejectedRow> = rejected
        .iter()
        .filter(|it| it.path.parent() == Some(&found.directory))
        .map(RejectedRow::new)
        .collect();
    let mut files = Vec::new();
    for plugin in &found.plugins {
        match locked_file(plugin) {
            Ok(file) => files.push(file),
            Err(reason) => left_out.push(RejectedRow::new(&Rejection { path: plugin.path.clone(), reason })),
        }
    }
    let lock = Lock::new(files);
    // What was there before only serves to show what changes. One that cannot be used is replaced.
    let before = Lock::read(&found.directory, &Trust::new(None)).ok().flatten();
    let before = before.map(|(lock, _)| lock).unwrap_or_default();
    let text = lock.render().map_err(|error| unwritten(&path).with_source(error))?;
    write(&path, &text).map_err(|error| unwritten(&path).with_source(error))?;
    let gone = before.entries().filter(|entry| lock.entry(entry.file.as_ref()).is_none());
    Ok(LockReport {
        path: path.display().to_string(),
        plugins: lock.entries().map(|entry| row(entry, before.entry(entry.file.as_ref()))).collect(),
        forgotten: gone.map(|entry| entry.file.clone()).collect(),
        left_out,
    })
}

fn locked_file(plugin: &Verified) -> std::result::Result<LockedFile, RejectReason> {
    let name = plugin.path.file_name().and_then(|name| name.to_str()).ok_or(LockProblem::NameNotText)?;
    let size = plugin.file.metadata().map_err(|error| unreadable(&error))?.len();
    let digest = plugin.evidence.prove(&plugin.file)?.digest;
    Ok(LockedFile::new(name.to_owned(), &plugin.descriptor, size, digest))
}

fn row(entry: &LockedFile, before: Option<&LockedFile>) -> LockedPlugin {
    let change = match before {
        None => LockChange::Added,
        Some(before) if before == entry => LockChange::Unchanged,
        Some(_) => LockChange::Changed,
    };
    let LockedFile { file, name, version, adapters, size, sha256 } = entry.clone();
    LockedPlugin { file, name, version, adapters, size, sha256, change }
}

/// Writes a file that everybody may read, whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    let mut file = builder.prefix(".plugins.lock-").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

fn unwritten(path: &Path) -> Error {
    let message = format!("cannot write the lock file {}; it was left as it was", path.display());
    Error::new(ErrorKind::Other, "output_failed", message).with_context("file", path.display())
}
