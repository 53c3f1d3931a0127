//! `cargo xtask bench-save`: how long `persist save` takes beside `gzip -6` on the same file.

use std::{
    fs,
    path::{self, Path, PathBuf},
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
        // What is run does not run in this directory.
        Some(file) => path::absolute(file).map_err(Error::io(format!("find {}", file.display())))?,
        None => make_state(directory.path())?,
    };
    let size = fs::metadata(&file).map_err(Error::io(format!("look at {}", file.display())))?.len();
    println!("\nstate: {size} bytes; the fastest of {RUNS} runs each");

    report("gzip -6", fastest(|_| gzip(&file))?, size);
    for (name, adapter, level) in
        [("persist save, gzip 6", "gzip", ", level = 6"), ("persist save, uncompressed", "none", "")]
    {
        let config = config(directory.path(), adapter, level)?;
        report(name, fastest(|run| save(&config, &file, run))?, size);
    }
    Ok(())
}

fn make_state(directory: &Path) -> Result<PathBuf> {
    let file = directory.join("state.json");
    fs::write(&file, agent_state(STATE_BYTES)).map_err(Error::io(format!("write {}", file.display())))?;
    Ok(file)
}

/// A config with one store on the disk that holds the temporary directory. Saves are durable, as they are by default.
fn config(directory: &Path, compression: &str, level: &str) -> Result<PathBuf> {
    let file = directory.join(format!("{compression}.toml"));
    let root = directory.join(format!("store-{compression}"));
    let text = format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {root:?} }}\n\
         compression = {{ adapter = \"{compression}\"{level} }}\n"
    );
    fs::write(&file, text).map_err(Error::io(format!("write {}", file.display())))?;
    Ok(file)
}

fn gzip(file: &Path) -> Command {
    let mut gzip = program("gzip");
    gzip.args(["-6", "-c"]).arg(file);
    gzip
}

/// Saves to a session of the run's own: against a snapshot that it has, a state would be all copies.
fn save(config: &Path, file: &Path, run: u32) -> Command {
    // The command looks for plugins in its own directory, where they were just built.
    let mut save = program(profile_dir().with_file_name("release").join("persist"));
    save.arg("save").arg(format!("bench/run-{run}")).arg(file).arg("--config").arg(config);
    save
}

fn fastest(command: impl Fn(u32) -> Command) -> Result<Duration> {
    let mut fastest = Duration::MAX;
    for run in 0..RUNS {
        let mut command = command(run);
        // The compressed bytes go nowhere: reading and compressing is what gzip is asked about.
        command.stdout(Stdio::null());
        let begin = Instant::now();
        run_command(&mut command)?;
        fastest = fastest.min(begin.elapsed());
    }
    Ok(fastest)
}

fn report(name: &str, elapsed: Duration, bytes: u64) {
    let seconds = elapsed.as_secs_f64();
    println!("{name:<28} {seconds:>7.3} s {:>8.1} MB/s", bytes as f64 / 1e6 / seconds);
}
