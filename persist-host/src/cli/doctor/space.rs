//! The free space of a store on local disk.

use std::path::Path;

use persist_host::Config;
use rustix::fs::statvfs;

use super::finding::Finding;
use crate::cli::output::size;

/// Below this many bytes, the next save may fail.
const FULL: u64 = 16 << 20;

/// Below this many bytes, and this part of the whole, it is time to look.
const SCARCE: u64 = 1 << 30;
const SCARCE_PERCENT: u64 = 5;

/// Looks at the file system of a store's directory; other storage does not tell how much it still takes.
pub(super) fn check(config: &Config, name: &str) -> Option<Finding> {
    let (_, store) = config.store(Some(name)).ok()?;
    let root = store.storage.options.get("root").and_then(|root| root.as_str());
    let root = root.filter(|_| store.storage.adapter == "local").map(Path::new)?;
    // The root is made by the first save; until then, what counts is where it will be.
    let there = root.ancestors().find(|path| path.is_dir())?;
    let system = statvfs(there).ok()?;
    let (free, whole) = (system.f_bavail * system.f_frsize, system.f_blocks * system.f_frsize);
    let message = format!("{} of {} are free at {}", size(free), size(whole), there.display());
    let remedy = "free space there, for example with `persist prune` and `persist gc`, or add some";
    Some(if free < FULL {
        Finding::wrong("space", message, remedy)
    } else if free < SCARCE && free < whole / 100 * SCARCE_PERCENT {
        Finding::warning("space", message, remedy)
    } else {
        Finding::ok("space", message)
    })
}
