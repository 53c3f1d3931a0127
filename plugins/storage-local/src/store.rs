//! The root, and what is known of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use persist_plugin_api::{Error, ErrorCode, Result};
use rustix::io::Errno;

use crate::config::LocalConfig;
use crate::directory;
use crate::error::Failed;

/// Where the kernel shows a process its open files, by which a file without a name is linked.
pub(crate) const OPEN_FILES: &str = "/proc/self/fd";

/// How many directories are remembered as synced; more are synced again.
const REMEMBERED: usize = 10_000;

/// A root directory and how to write into it.
pub(crate) struct Store {
    pub(crate) root: PathBuf,
    pub(crate) fsync: bool,
    /// Whether to write to files without a name, where the file system has them.
    pub(crate) nameless: bool,
    synced: Mutex<HashSet<String>>,
}

impl Store {
    /// Checks the options and the root, and writes nothing.
    pub(crate) fn open(config: LocalConfig) -> Result<Self> {
        config.check()?;
        let LocalConfig { root, fsync } = config;
        match directory::open(&root) {
            Ok(_) | Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR) => {
                let message = format!(
                    "the option root = {root:?} names something that is not a directory, or lies below it"
                );
                return Err(Error::new(ErrorCode::CONFIG, message));
            }
            Err(errno) => return Err(Failed::new("open the root directory", &root, errno).into()),
        }
        let nameless = Path::new(OPEN_FILES).exists();
        Ok(Self { root, fsync, nameless, synced: Mutex::default() })
    }

    /// The path of a key or a directory, for messages.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Whether this adapter has synced the entry of a directory in its parent before.
    pub(crate) fn is_synced(&self, directory: &str) -> bool {
        self.synced().contains(directory)
    }

    /// Remembers that the entry of a directory in its parent is on the disk.
    pub(crate) fn remember_synced(&self, directory: &str) {
        let mut synced = self.synced();
        if synced.len() >= REMEMBERED {
            synced.clear();
        }
        synced.insert(directory.to_owned());
    }

    /// Forgets all of them: somebody removes directories.
    pub(crate) fn forget_synced(&self) {
        self.synced().clear();
    }

    fn synced(&self) -> MutexGuard<'_, HashSet<String>> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
