//! Where the config comes from.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use crate::{Error, ErrorKind, Result, env};

/// The largest config file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The name of the file that is looked for in the current directory.
const LOCAL_FILE: &str = "persist.toml";

/// The places a config may come from, in the order in which they count.
#[derive(Clone, Debug, Default)]
pub struct ConfigSources {
    /// A file that the caller names. It must exist.
    pub explicit: Option<PathBuf>,
    /// The file that `PERSIST_CONFIG` names. It must exist.
    pub variable: Option<PathBuf>,
    /// The directory in which `persist.toml` counts if it is there, with restrictions.
    pub current_directory: Option<PathBuf>,
    /// The file in the user's config directory, which counts if it is there.
    pub user_file: Option<PathBuf>,
    /// The directory of the store that the built-in defaults use.
    pub data_directory: Option<PathBuf>,
}

/// The one source that counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigSource {
    /// A file that the caller named.
    Explicit(PathBuf),
    /// The file that `PERSIST_CONFIG` names.
    Variable(PathBuf),
    /// `persist.toml` in the current directory; see the restrictions in [`config`](crate::config).
    CurrentDirectory(PathBuf),
    /// The file in the user's config directory.
    User(PathBuf),
    /// No file.
    BuiltIn,
}

impl ConfigSources {
    /// The places that this process's environment and current directory give.
    #[must_use]
    pub fn from_environment(explicit: Option<PathBuf>) -> Self {
        // Without a home directory there are no user's files; that matters only when nothing else is found.
        let directories = etcetera::choose_base_strategy().ok();
        Self {
            explicit,
            variable: env::path(env::CONFIG),
            current_directory: Some(PathBuf::from(".")),
            user_file: directories.as_ref().map(|base| base.config_dir().join("persist").join("config.toml")),
            data_directory: directories.as_ref().map(|base| base.data_dir().join("persist")),
        }
    }

    /// The first source that is there.
    pub(super) fn choose(&self) -> Result<ConfigSource> {
        if let Some(path) = &self.explicit {
            return Ok(ConfigSource::Explicit(path.clone()));
        }
        if let Some(path) = &self.variable {
            return Ok(ConfigSource::Variable(path.clone()));
        }
        if let Some(path) = self.current_directory.as_ref().map(|directory| directory.join(LOCAL_FILE))
            && is_there(&path)?
        {
            return Ok(ConfigSource::CurrentDirectory(path));
        }
        match &self.user_file {
            Some(path) if is_there(path)? => Ok(ConfigSource::User(path.clone())),
            _ => Ok(ConfigSource::BuiltIn),
        }
    }
}

impl ConfigSource {
    /// The file, unless the defaults are built in.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Explicit(path) | Self::Variable(path) | Self::CurrentDirectory(path) | Self::User(path) => {
                Some(path)
            }
            Self::BuiltIn => None,
        }
    }

    /// Whether the file is not trusted with code, hosts and the environment.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        matches!(self, Self::CurrentDirectory(_))
    }

    /// The stable name of the kind of source, as JSON output carries it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Explicit(_) => "flag",
            Self::Variable(_) => "environment",
            Self::CurrentDirectory(_) => "current_directory",
            Self::User(_) => "user",
            Self::BuiltIn => "built_in",
        }
    }
}

/// Reads a config file of a sensible size.
pub(super) fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    let failed = |problem: &str| {
        let message = format!("cannot read the config file {}{problem}", path.display());
        Error::new(ErrorKind::InvalidInput, "config_unreadable", message).with_context("file", path.display())
    };
    match read {
        Ok(length) if length as u64 > MAX_FILE_BYTES => {
            Err(failed(&format!(": it is larger than {MAX_FILE_BYTES} bytes")))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(failed("").with_source(error)),
    }
}

/// Whether a file is there. One that cannot be looked at is an error: skipping it would silently use another config.
fn is_there(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => {
            let message = format!("cannot look for the config file {}", path.display());
            Err(Error::new(ErrorKind::InvalidInput, "config_unreadable", message).with_source(error))
        }
    }
}
