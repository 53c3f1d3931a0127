//! `cargo xtask bench-limits`: how long the engine takes beside what the hardware needs at least.

use std::{fs, path::Path, process::Command};

use persist_test_support::{agent_state, profile_dir};

use crate::{
    error::{Error, Result},
    tools::{cargo, program, run as run_command},
};

/// The size of the state whose peak memory is measured.
const STATE_BYTES: usize = 50_000_000;

/// The cases that are timed, by the names that the program has for them.
const CASES: [&str; 6] = ["small", "middle", "end", "append", "front", "cold"];

/// Builds for release, times the cases, and measures the peak memory of a save and of a restore.
pub(crate) fn run(states: Option<&Path>) -> Result<()> {
    run_command(&mut cargo(
        "build --release --locked -p persist-e2e --lib --bin engine-limits -p persist-host -p persist-storage-local \
         -p persist-compression-gzip",
    ))?;
    let directory = tempfile::tempdir_in(profile_dir().with_file_name("release"))
        .map_err(Error::io("make a temporary directory"))?;
    println!();
    let states = states.map(fs::canonicalize).transpose().map_err(Error::io("find the states"))?;
    for case in CASES {
        run_command(limits(case, &directory.path().join(case)).args(&states))?;
    }

    let file = directory.path().join("state.json");
    let state = agent_state(STATE_BYTES);
    fs::write(&file, &state).map_err(Error::io(format!("write {}", file.display())))?;
    println!(
        "\npeak memory, in bytes, of a process that saves and of one that restores {} bytes:",
        state.len()
    );
    for what in ["save", "restore"] {
        run_command(limits(what, &directory.path().join("peak")).arg(&file))?;
    }
    Ok(())
}

fn limits(what: &str, directory: &Path) -> Command {
    let mut limits = program(profile_dir().with_file_name("release").join("engine-limits"));
    limits.arg(what).arg(directory);
    limits
}
