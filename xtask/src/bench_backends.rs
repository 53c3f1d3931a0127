//! `cargo xtask bench-backends`: what saves and restores take on each storage adapter, on a server of this machine.

mod tiered;

use std::{ffi::OsString, fs, path::Path, process::Stdio};

use persist_test_support::BACKENDS;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    artifacts::{self, Plugins},
    dist,
    error::{Error, Result},
    servers,
    tools::program,
};

/// Steps of an agent: what they take is the latency of a few requests.
const STEPS: &str = "200,20k,2Ki";
/// One state that has to be sent whole: what it takes is the throughput.
const WHOLE: &str = "1,64Mi,2Ki";

/// What `persist bench --json` prints, as far as it is shown.
#[derive(Deserialize)]
struct Figures {
    raw_bytes: f64,
    save_ms_p50: f64,
    save_ms_p99: f64,
    restore_ms_p50: f64,
}

/// Builds, measures one store after the other, and prints a Markdown table.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let (profile, rest) = dist::profile(arguments)?;
    if !rest.is_empty() {
        return Err(Error::usage("`bench-backends` takes --profile NAME"));
    }
    let built = artifacts::build_for_use(&profile, Plugins::All)?;
    servers::install()?;
    let directory = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
    println!("| storage | save p50 | save p99 | restore p50 | 64 MiB saved | 64 MiB restored |");
    println!("|---|---|---|---|---|---|");
    let local = |name: &str| json!({"adapter": "local", "root": directory.path().join(name)});
    for storage in [
        local("store"),
        json!({"adapter": "tiered", "remote": local("remote"), "cache": local("cache")}),
        json!({"adapter": "replicated", "primary": local("primary"), "replicas": [local("replica")]}),
    ] {
        row(&built, directory.path(), &storage, &[])?;
    }
    for backend in BACKENDS {
        // Its server ends with it, so that none is in another's way.
        let place = (backend.place)("bench");
        let mut storage = place.options.clone();
        storage["adapter"] = json!(place.adapter);
        row(&built, directory.path(), &storage, &place.environment)?;
    }
    tiered::run(&built, directory.path())
}

fn row(built: &Path, directory: &Path, storage: &Value, environment: &[(&str, String)]) -> Result<()> {
    let name = storage["adapter"].as_str().unwrap_or_default().to_owned();
    let config = directory.join(format!("{name}.json"));
    let text = json!({
        "stores": {"main": {"storage": storage, "compression": {"adapter": "none"}}},
        "plugins": {"path": [built]},
    });
    fs::write(&config, text.to_string()).map_err(Error::io(format!("write {}", config.display())))?;
    let measure = |states: &str| -> Result<Figures> {
        let mut bench = program(artifacts::persist_in(built));
        bench.args(["bench", "--json", "--config"]).arg(&config).args(["--generate", states]);
        bench.envs(environment.iter().map(|(name, value)| (name, value))).stderr(Stdio::inherit());
        let output = bench.output().map_err(Error::io("run persist bench"))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Error::usage(format!("persist bench on {name} printed no figures: {error}")))
    };
    let (steps, whole) = (measure(STEPS)?, measure(WHOLE)?);
    let speed = |milliseconds: f64| whole.raw_bytes / 1e3 / milliseconds;
    println!(
        "| `{name}` | {:.1} ms | {:.1} ms | {:.1} ms | {:.0} MB/s | {:.0} MB/s |",
        steps.save_ms_p50,
        steps.save_ms_p99,
        steps.restore_ms_p50,
        speed(whole.save_ms_p50),
        speed(whole.restore_ms_p50)
    );
    Ok(())
}
