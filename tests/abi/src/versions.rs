//! The versions of the API that plugins and hosts are built with.

mod broken;
mod newer;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{edit::Edit, workspace::repository};

/// A version of the API, and what is built with it.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its name, which names what is built with it.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// Whether a host is built with it, too.
    pub host: bool,
}

impl Version {
    /// Whether it is a frozen copy.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        matches!(self.source, Source::Frozen(_))
    }
}

/// Where the sources of a version come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A frozen copy: this directory, unchanged.
    Frozen(PathBuf),
    /// Today's sources with some changes.
    Edited {
        /// The changes.
        edits: &'static [Edit],
        /// How the version of the crate follows today's.
        step: Step,
    },
}

/// How a version of the crate follows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The same version.
    None,
    /// The next minor version.
    Minor,
    /// The next major version.
    Major,
}

/// All versions: the frozen ones in the order of their names, `today`, `newer`, and the broken ones.
///
/// # Panics
///
/// When the frozen copies cannot be listed.
#[must_use]
pub fn versions() -> Vec<Version> {
    let mut versions: Vec<Version> = frozen(&repository().join("tests/abi/frozen"));
    let edited = |name: &str, host, edits, step| Version {
        name: name.to_owned(),
        source: Source::Edited { edits, step },
        host,
    };
    versions.push(edited("today", true, &[], Step::None));
    versions.push(edited("newer", true, newer::EDITS, Step::Minor));
    versions.extend(broken::VERSIONS.iter().map(|(name, edits)| edited(name, false, edits, Step::None)));
    // The same layout and meaning, under a version that does not promise them.
    versions.push(edited("major", false, &[], Step::Major));
    versions
}

fn frozen(directory: &Path) -> Vec<Version> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut versions: Vec<Version> = entries
        .map(|entry| {
            let path = entry.expect("an entry of the directory of frozen versions").path();
            let name = path.file_name().expect("a directory has a name").to_string_lossy().into_owned();
            Version { name, source: Source::Frozen(path), host: true }
        })
        .collect();
    versions.sort_by(|one, other| one.name.cmp(&other.name));
    versions
}
