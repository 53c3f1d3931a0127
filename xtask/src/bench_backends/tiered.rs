//! Restoring a large state from a distant bucket, with and without a cache in front of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use persist_test_support::{Backend, Proxy, agent_state};
use serde_json::{Value, json};

use crate::{
    artifacts,
    error::{Error, Result},
    tools::{program, run as run_command},
};

const STATE_BYTES: usize = 50_000_000;
/// Half of what a request and its answer take longer than on this machine.
const ONE_WAY: Duration = Duration::from_millis(15);
/// How often each restore runs; the fastest counts.
const RUNS: usize = 5;

/// Prints a line for each way to the state: what `persist restore` takes, from the start of the process to its end.
pub(super) fn run(built: &Path, directory: &Path) -> Result<()> {
    let place = (Backend::of("s3").place)("tiered");
    let proxy = Proxy::start(place.address);
    let far = place.through(proxy.address());
    let mut remote = far.options.clone();
    remote["adapter"] = json!(far.adapter);
    let cache = directory.join("cache");
    let local = json!({"adapter": "local", "root": directory.join("near")});
    let tiered = json!({
        "adapter": "tiered", "remote": remote, "cache": {"adapter": "local", "root": cache, "fsync": false},
    });
    let config = directory.join("tiered.json");
    let stores: Value = [("local", local), ("s3", remote), ("tiered", tiered)]
        .into_iter()
        .map(|(name, storage)| {
            (name.to_owned(), json!({"storage": storage, "compression": {"adapter": "none"}}))
        })
        .collect();
    let text = json!({"stores": stores, "plugins": {"path": [built]}});
    fs::write(&config, text.to_string()).map_err(Error::io(format!("write {}", config.display())))?;
    let state = directory.join("state.json");
    fs::write(&state, agent_state(STATE_BYTES)).map_err(Error::io(format!("write {}", state.display())))?;

    let persist = |store: &str| {
        let mut command = program(artifacts::persist_in(built));
        command.args(["--quiet", "--config"]).arg(&config).args(["--store", store]);
        command.envs(far.environment.iter().map(|(name, value)| (name, value))).stdout(Stdio::null());
        command
    };
    for store in ["local", "s3"] {
        run_command(persist(store).args(["save", "a/s"]).arg(&state))?;
    }
    proxy.delay(ONE_WAY, ONE_WAY);
    let restore = |store: &str| -> Result<Duration> {
        let begin = Instant::now();
        run_command(persist(store).args(["restore", "a/s@0"]))?;
        Ok(begin.elapsed())
    };
    let fastest = |store: &str, cold: Option<&PathBuf>| -> Result<Duration> {
        let mut best = Duration::MAX;
        for _ in 0..RUNS {
            if let Some(cache) = cold.filter(|cache| cache.exists()) {
                fs::remove_dir_all(cache).map_err(Error::io(format!("remove {}", cache.display())))?;
            }
            best = best.min(restore(store)?);
        }
        Ok(best)
    };
    println!("\n| restore of a state of 50 MB | time |\n|---|---|");
    let row = |name: &str, time: Duration| println!("| {name} | {:.0} ms |", time.as_secs_f64() * 1e3);
    row("local disk", fastest("local", None)?);
    row("S3, 30 ms away", fastest("s3", None)?);
    row("tiered over it, the cache empty", fastest("tiered", Some(&cache))?);
    row("tiered over it, restored before", fastest("tiered", None)?);
    Ok(())
}
