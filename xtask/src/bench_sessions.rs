//! `cargo xtask bench-sessions`: what recorded sessions take in a store on disk, compressed with gzip.

mod figures;
mod sessions;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use persist_test_support::profile_dir;

use crate::{
    error::{Error, Result},
    tools::{cargo, line, program, root, run as run_command},
};
use figures::Figures;
use sessions::Session;

/// How many states of each session are replayed unless the caller says otherwise.
const STEPS: usize = 200;

/// Where the recorded sessions are unless the caller says otherwise, from the workspace's directory.
const BESIDE: &str = "../shared/data";

/// Builds for release, replays one session after the other, each in a store of its own, and prints a line per session
/// and the sums.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let sessions = sessions::find(&options.collection)?;
    run_command(&mut cargo(
        "build --release --locked -p persist-host -p persist-storage-local -p persist-compression-gzip",
    ))?;
    let mut all = Vec::new();
    if !options.json {
        println!(
            "\nthe first {} states of each session; local storage, gzip\n{}",
            options.steps,
            figures::HEADS
        );
    }
    for session in &sessions {
        let figures = replay(session, options.steps)?;
        if !options.json {
            println!("{}", figures.row(&session.name));
        }
        all.push((session.name.as_str(), figures));
    }
    if options.json {
        println!("{}", figures::json(&all));
    } else {
        println!("{}", Figures::total(all.iter().map(|(_, figures)| figures)).row("total"));
    }
    Ok(())
}

/// Replays one session. Its states and its store are gone afterwards, so that the disk holds one at a time.
fn replay(session: &Session, steps: usize) -> Result<Figures> {
    let directory = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
    let states = session.states_in(&directory.path().join("states"), steps)?;
    let mut bench = bench(&config(directory.path())?, &states, steps);
    bench.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let output = bench.output().map_err(|source| Error::Start { line: line(&bench), source })?;
    if !output.status.success() {
        return Err(Error::Failed { line: line(&bench), status: output.status });
    }
    serde_json::from_slice(&output.stdout).map_err(|source| Error::Figures { line: line(&bench), source })
}

fn config(directory: &Path) -> Result<PathBuf> {
    let file = directory.join("config.toml");
    let text = format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\ncompression = {{ adapter = \"gzip\" }}\n",
        directory.join("store")
    );
    fs::write(&file, text).map_err(Error::io(format!("write {}", file.display())))?;
    Ok(file)
}

fn bench(config: &Path, states: &Path, steps: usize) -> std::process::Command {
    // The command looks for plugins in its own directory, where they were just built.
    let mut bench = program(profile_dir().with_file_name("release").join("persist"));
    bench.args(["bench", "--compare", "--json", "--steps"]).arg(steps.to_string());
    bench.arg("--config").arg(config).arg(states);
    bench
}

struct Options {
    steps: usize,
    collection: PathBuf,
    json: bool,
}

impl Options {
    fn parse(arguments: &[OsString]) -> Result<Self> {
        let mut options = Self { steps: STEPS, collection: root().join(BESIDE), json: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments.next().ok_or_else(|| Error::usage(format!("{} takes a value", argument.display())))
            };
            match argument.to_str() {
                Some("--json") => options.json = true,
                Some("--steps") => options.steps = steps(value()?)?,
                // What is run does not run in this directory.
                Some("--sessions") => {
                    let directory = value()?;
                    options.collection = std::path::absolute(directory)
                        .map_err(Error::io(format!("find {}", directory.display())))?;
                }
                _ => {
                    let reason = format!("`bench-sessions` does not take {}", argument.display());
                    return Err(Error::usage(reason));
                }
            }
        }
        Ok(options)
    }
}

fn steps(text: &OsString) -> Result<usize> {
    let steps = text.to_str().and_then(|text| text.parse().ok()).filter(|steps| *steps > 0);
    steps.ok_or_else(|| Error::usage(format!("{} is not a number of steps", text.display())))
}
