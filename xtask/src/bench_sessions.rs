//! `cargo xtask bench-sessions`: what recorded sessions take in a store on disk.

mod figures;
mod sessions;
mod store;

use std::{ffi::OsString, path::PathBuf};

use crate::{
    error::{Error, Result},
    tools::root,
};
use figures::Figures;

pub(crate) use sessions::{Session, find};
pub(crate) use store::{Codec, Trial, build};

/// How many states of each session are replayed unless the caller says otherwise.
const STEPS: usize = 200;

/// Where the recorded sessions are unless the caller says otherwise, from the workspace's directory.
const BESIDE: &str = "../shared/data";

/// Builds for release, replays one session after the other, each in a store of its own, and prints a line per session
/// and the sums.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let sessions = find(&options.collection)?;
    build([&options.trial.codec])?;
    let mut all = Vec::new();
    if !options.json {
        println!(
            "\nthe first {} states of each session; local storage, {}\n{}",
            options.steps,
            options.trial,
            figures::HEADS
        );
    }
    for session in &sessions {
        let figures = replay(session, &options)?;
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
fn replay(session: &Session, options: &Options) -> Result<Figures> {
    let directory = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
    let states = session.states_in(&directory.path().join("states"), options.steps)?;
    let steps = options.steps.to_string();
    options.trial.bench(directory.path(), &states, &["--compare", "--steps", &steps])
}

struct Options {
    steps: usize,
    collection: PathBuf,
    trial: Trial,
    json: bool,
}

impl Options {
    fn parse(arguments: &[OsString]) -> Result<Self> {
        let mut options =
            Self { steps: STEPS, collection: usual_collection(), trial: Trial::default(), json: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments.next().ok_or_else(|| Error::usage(format!("{} takes a value", argument.display())))
            };
            match argument.to_str() {
                Some("--json") => options.json = true,
                Some("--steps") => options.steps = steps(value()?)?,
                // What is run does not run in this directory.
                Some("--sessions") => options.collection = absolute(value()?)?,
                Some("--codec") => options.trial.codec.name = name(value()?)?,
                Some("--option") => options.trial.codec.options.push(setting(value()?)?),
                Some("--layout") => options.trial.layout.push(setting(value()?)?),
                _ => {
                    let reason = format!("`bench-sessions` does not take {}", argument.display());
                    return Err(Error::usage(reason));
                }
            }
        }
        Ok(options)
    }
}

/// The directory, wherever the commands that are started run.
pub(crate) fn absolute(directory: &OsString) -> Result<PathBuf> {
    std::path::absolute(directory).map_err(Error::io(format!("find {}", directory.display())))
}

/// Where the recorded sessions are unless the caller says otherwise.
pub(crate) fn usual_collection() -> PathBuf {
    root().join(BESIDE)
}

/// The name of a codec, as it can stand in a package's.
fn name(text: &OsString) -> Result<String> {
    let name = text.to_str().filter(|name| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    });
    let reason = || Error::usage(format!("{} is not the name of a codec", text.display()));
    name.map(ToOwned::to_owned).ok_or_else(reason)
}

/// A key and a whole number, as in `level=9`.
fn setting(text: &OsString) -> Result<(String, i64)> {
    let setting = text.to_str().and_then(|text| text.split_once('=')).and_then(|(key, value)| {
        let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        Some((is_key.then(|| key.to_owned())?, value.parse().ok()?))
    });
    setting.ok_or_else(|| Error::usage(format!("{} is not KEY=NUMBER", text.display())))
}

fn steps(text: &OsString) -> Result<usize> {
    let steps = text.to_str().and_then(|text| text.parse().ok()).filter(|steps| *steps > 0);
    steps.ok_or_else(|| Error::usage(format!("{} is not a number of steps", text.display())))
}
