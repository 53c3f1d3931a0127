//! `cargo xtask bench-save`: how long `persist save` takes beside `gzip -6` on the same file.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use persist_test_support::{agent_state, profile_dir};

use crate::{
    error::{Error, Result},
    tools::{cargo, program, run as run_command},
};

/// The size of the state that is made when no file is named.
const STATE_BYTES: usize = 50_000_000;
/// How often each command runs; the fastest run counts, for everything slower is the machine's other business.
const RUNS: u32 = 5;

/// Builds for release and compares; prints one line per command.
pub(crate) fn run(file: Option<&Path>) -> Result<()> {
    run_command(&mut cargo(
        "build --release --locked -p persist-host -p persist-storage-local -p persist-compression-gzip",
    ))?;
    let directory = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
    let file = match file {
        Some(file) => file.to_owned(),
        None => make_state(directory.path())?,
    };
    let size = fs::metadata(&file).map_err(Error::io(format!("look at {}", file.display())))?.len();
    println!("\nstate: {} bytes; the fastest of {RUNS} runs each", size);

    let gzip = fastest(|| {
        let mut gzip = program("gzip");
        gzip.args(["-6", "-c"]).arg(&file);
        gzip
    })?;
    report("gzip -6", gzip, size);
    for (name, compression) in [("persist save, gzip 6", "gzip"), ("persist save, uncompressed", "none")] {
        let config = config(directory.path(), compression)?;
        let save = fastest(|| save(&config, &file))?;
        report(name, save, size);
    }
    Ok(())
}

fn make_state(directory: &Path) -> Result<PathBuf> {
    let file = directory.join("state.json");
    fs::write(&file, agent_state(STATE_BYTES)).map_err(Error::io(format!("write {}", file.display())))?;
    Ok(file)
}
