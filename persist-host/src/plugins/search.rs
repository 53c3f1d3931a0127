//! Where plugins are looked for.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::platform::BUNDLED_DIRECTORY;
use super::policy::TrustPolicy;

/// Who put a directory on the search path. Earlier origins win over later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// The config file.
    Config,
    /// The installation: `lib/persist/plugins` beside the program's `bin`.
    Bundled,
    /// The program's own directory, where a build or an unpacked archive puts plugins.
    Executable,
}

impl Origin {
    /// Whether the user named the directory, so that its absence is worth a word.
    pub(super) fn is_named_by_user(self) -> bool {
        matches!(self, Self::Flag | Self::Environment | Self::Config)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "--plugin-dir",
            Self::Environment => "PERSIST_PLUGIN_PATH",
            Self::Config => "plugins.path in the config",
            Self::Bundled => "installed with persist",
            Self::Executable => "beside the program",
        })
    }
}

/// One directory of a [`SearchPath`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchDirectory {
    /// The directory, absolute.
    pub path: PathBuf,
    /// Who named it.
    pub origin: Origin,
    /// One more user whom the directory may belong to: the owner of the program that it came with.
    pub(super) installer: Option<u32>,
}

/// The directories that are searched for plugins, in order of [`Origin`] and then as they were added, and what is asked
/// of the plugins there.
///
/// Subdirectories are never searched. Relative directories are taken from the current directory; a config's belong to
/// the config file, so its reader makes them absolute first.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    directories: Vec<SearchDirectory>,
    policy: TrustPolicy,
}

impl SearchPath {
    /// An empty search path.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the directories of the command line.
    #[must_use]
    pub fn with_flags(self, directories: impl IntoIterator<Item = PathBuf>) -> Self {
        self.with(Origin::Flag, directories, None)
    }

    /// Adds the directories of `PERSIST_PLUGIN_PATH`, which are separated by colons. Empty ones are ignored.
    #[must_use]
    pub fn with_environment(self, value: Option<&OsStr>) -> Self {
        let directories: Vec<PathBuf> = value
            .map(|value| std::env::split_paths(value).filter(|path| !path.as_os_str().is_empty()).collect())
            .unwrap_or_default();
        self.with(Origin::Environment, directories, None)
    }

    /// Adds the directories of the config's `plugins.path`.
    #[must_use]
    pub fn with_config(self, directories: impl IntoIterator<Item = PathBuf>) -> Self {
        self.with(Origin::Config, directories, None)
    }

    /// Adds the two directories that come with a program: `../lib/persist/plugins` and its own directory. They may
    /// belong to whoever the program belongs to.
    #[must_use]
    pub fn with_executable(self, executable: &Path) -> Self {
        let executable = executable.canonicalize().unwrap_or_else(|_| executable.to_owned());
        let installer = executable.metadata().ok().map(|metadata| metadata.uid());
        let own = executable.parent();
        let bundled = own.and_then(Path::parent).map(|prefix| prefix.join(BUNDLED_DIRECTORY));
        self.with(Origin::Bundled, bundled, installer).with(
            Origin::Executable,
            own.map(Path::to_owned),
            installer,
        )
    }

    /// Adds a directory that comes with the library that runs, as a package for another language has one. It may belong
    /// to whoever owns the library, which is the file `library`.
    #[must_use]
    pub fn with_bundled(self, directory: PathBuf, library: &Path) -> Self {
        let installer = library.metadata().ok().map(|metadata| metadata.uid());
        self.with(Origin::Bundled, [directory], installer)
    }

    /// Asks more of the plugins of every directory. The last policy that is given counts.
    #[must_use]
    pub fn with_policy(mut self, policy: TrustPolicy) -> Self {
        self.policy = policy;
        self
    }

    pub(super) fn policy(&self) -> &TrustPolicy {
        &self.policy
    }

    /// The directories in order.
    #[must_use]
    pub fn directories(&self) -> &[SearchDirectory] {
        &self.directories
    }

    fn with(
        mut self,
        origin: Origin,
        directories: impl IntoIterator<Item = PathBuf>,
        installer: Option<u32>,
    ) -> Self {
        self.directories.extend(directories.into_iter().map(|path| {
            // Without a current directory a relative path stays what it is, and is then reported as missing.
            let path = std::path::absolute(&path).unwrap_or(path);
            SearchDirectory { path, origin, installer }
        }));
        self.directories.sort_by_key(|directory| directory.origin);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_in_order_of_origin_whatever_the_order_of_the_calls() {
        let path = SearchPath::new()
            .with_executable(Path::new("/nowhere/bin/persist"))
            .with_config([PathBuf::from("/config")])
            .with_environment(Some(OsStr::new("/env/a::/env/b")))
            .with_flags([PathBuf::from("/flag/b"), PathBuf::from("/flag/a")]);
        let found: Vec<String> =
            path.directories().iter().map(|it| format!("{} {:?}", it.path.display(), it.origin)).collect();
        let expected = [
            "/flag/b Flag",
            "/flag/a Flag",
            "/env/a Environment",
            "/env/b Environment",
            "/config Config",
            "/nowhere/lib/persist/plugins Bundled",
            "/nowhere/bin Executable",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn relative_directories_are_made_absolute() {
        let path = SearchPath::new().with_flags([PathBuf::from("plugins")]);
        assert_eq!(path.directories()[0].path, std::env::current_dir().unwrap().join("plugins"));
    }
}
