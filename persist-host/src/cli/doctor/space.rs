//! The free space of a store on local disk.

use std::path::Path;

use persist_host::Config;
use rustix::fs::statvfs;
use serde_json::{Map, Value};

use super::finding::Finding;
use crate::cli::output::size;

/// Below this many bytes, the next save may fail.
const FULL: u64 = 16 << 20;

/// Below this many bytes, and this part of the whole, it is time to look.
const SCARCE: u64 = 1 << 30;
const SCARCE_PERCENT: u64 = 5;

/// Looks at the file systems of a store's directories; other storage does not tell how much it still takes.
pub(super) fn check(config: &Config, name: &str) -> Vec<Finding> {
    let Ok((_, store)) = config.store(Some(name)) else { return Vec::new() };
    let mut roots = Vec::new();
    local_roots(Some(&store.storage.adapter), &store.storage.options, &mut roots);
    roots.into_iter().filter_map(check_root).collect()
}

/// The directories of an adapter and of those among its options, as far as a lack of space there stops a save: a cache keeps
/// fewer copies then, and nothing else comes of it.
fn local_roots<'a>(adapter: Option<&str>, options: &'a Map<String, Value>, roots: &mut Vec<&'a Path>) {
    if adapter == Some("local") {
        roots.extend(options.get("root").and_then(Value::as_str).map(Path::new));
    }
    let matters = |name: &str| adapter != Some("tiered") || name != "cache";
    for (_, option) in options.iter().filter(|(name, _)| matters(name)) {
        let tables = match option {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        for table in tables.iter().filter_map(Value::as_object) {
            local_roots(table.get("adapter").and_then(Value::as_str), table, roots);
        }
    }
}

fn check_root(root: &Path) -> Option<Finding> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_adapters_inside_others_are_looked_at_but_for_caches() {
        let options = serde_json::json!({
            "root": "/not/of/a/local/adapter",
            "cache": {"adapter": "local", "root": "/kept"},
            "primary": {"adapter": "tiered",
                "cache": {"adapter": "local", "root": "/cache"},
                "remote": {"adapter": "local", "root": "/remote"},
            },
            "replicas": [{"adapter": "s3", "root": "x"}, {"adapter": "local", "root": "/copy"}],
        });
        let mut roots = Vec::new();
        local_roots(Some("replicated"), options.as_object().unwrap(), &mut roots);
        assert_eq!(roots, [Path::new("/kept"), Path::new("/remote"), Path::new("/copy")]);
    }
}
