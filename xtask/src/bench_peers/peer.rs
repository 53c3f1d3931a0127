//! A peer: how it saves a session and gives the last state back, and what that took.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;

use super::measure::{Call, Measured, measured};
use crate::{
    error::{Error, Result},
    tools::line,
};

/// How often a state is restored; the fastest counts.
const RESTORES: usize = 3;

/// What is compared.
pub(super) struct Peer {
    pub(super) name: String,
    /// What of a save is on disk when it returns.
    pub(super) durable: &'static str,
    /// What its program calls itself; none where another row tells it.
    pub(super) version: Option<String>,
    /// How it is used, or why it cannot be.
    pub(super) setup: std::result::Result<Setup, String>,
}

/// The processes for these states.
type MakeCommands = Box<dyn Fn(&[PathBuf], &Path) -> Commands>;

/// How a peer is used.
pub(super) enum Setup {
    /// By processes: what they are for these states, with everything kept below the directory.
    Commands(MakeCommands),
    /// By a program that measures itself: called with the directory and the states it prints its figures.
    Driver(Call),
}

/// The processes of one session.
pub(super) struct Commands {
    /// What is done once, and not measured.
    pub(super) before: Vec<Call>,
    pub(super) saves: Vec<Call>,
    /// Writes the last state to its standard output.
    pub(super) restore: Call,
}

/// What a peer took for a workload.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) stored_bytes: u64,
    /// What files and directories take on disk, in whole blocks.
    pub(super) allocated_bytes: u64,
    pub(super) saves: Measured,
    /// Of the last state of each session.
    pub(super) restore_s: f64,
}

/// What a driver prints.
#[derive(Deserialize)]
struct Driven {
    #[serde(flatten)]
    saves: Measured,
    restore_s: f64,
}

impl Setup {
    /// Saves the states, one after the other, and restores the last one.
    pub(super) fn replay(&self, states: &[PathBuf], directory: &Path) -> Result<Figures> {
        let make =
            |path: &Path| fs::create_dir_all(path).map_err(Error::io(format!("make {}", path.display())));
        // What is kept lies apart from caches and configs.
        let kept = directory.join("kept");
        make(&kept)?;
        let (saves, restore_s) = match self {
            Self::Commands(commands) => {
                let commands = commands(states, &kept);
                commands.before.iter().try_for_each(Call::run)?;
                let saves = measured(&commands.saves, directory)?;
                (saves, restore(commands.restore, states, directory)?)
            }
            Self::Driver(call) => {
                let driven = drive(call, states, &kept)?;
                (driven.saves, driven.restore_s)
            }
        };
        let mut figures = Figures { saves, restore_s, ..Figures::default() };
        figures.weigh(&kept).map_err(Error::io(format!("look at {}", kept.display())))?;
        Ok(figures)
    }
}

impl Figures {
    /// The sums, and the highest peak.
    pub(super) fn add(&mut self, other: &Self) {
        self.stored_bytes += other.stored_bytes;
        self.allocated_bytes += other.allocated_bytes;
        self.saves.wall_s += other.saves.wall_s;
        self.saves.cpu_s += other.saves.cpu_s;
        self.saves.peak_bytes = self.saves.peak_bytes.max(other.saves.peak_bytes);
        self.restore_s += other.restore_s;
    }

    fn weigh(&mut self, path: &Path) -> io::Result<()> {
        let metadata = fs::symlink_metadata(path)?;
        self.allocated_bytes += metadata.blocks() * 512;
        if metadata.is_dir() {
            return fs::read_dir(path)?.try_for_each(|entry| self.weigh(&entry?.path()));
        }
        self.stored_bytes += metadata.len();
        Ok(())
    }
}

/// The fastest of some restores. What comes back is compared with what was saved.
fn restore(call: Call, states: &[PathBuf], directory: &Path) -> Result<f64> {
    let restored = directory.join("restored");
    let call = call.into_file(restored.clone());
    let mut fastest = f64::INFINITY;
    for _ in 0..RESTORES {
        fastest = fastest.min(measured(std::slice::from_ref(&call), directory)?.wall_s);
    }
    if is_last(states, &restored)? {
        return Ok(fastest);
    }
    Err(Error::usage(format!("{}: another state came back", line(&call.command()))))
}

/// Whether a file holds the last of the states.
fn is_last(states: &[PathBuf], restored: &Path) -> Result<bool> {
    let read = |path: &Path| fs::read(path).map_err(Error::io(format!("read {}", path.display())));
    let saved = states.last().map(|path| read(path)).transpose()?;
    Ok(saved == Some(read(restored)?))
}

fn drive(call: &Call, states: &[PathBuf], kept: &Path) -> Result<Driven> {
    let mut command = call.clone().args([kept]).args(states).command();
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let shown = line(&call.command());
    let output = command.output().map_err(|source| Error::Start { line: shown.clone(), source })?;
    if !output.status.success() {
        return Err(Error::Failed { line: shown, status: output.status });
    }
    serde_json::from_slice(&output.stdout).map_err(|source| Error::Figures { line: shown, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_weighed_and_what_comes_back_compared() {
        let directory = tempfile::tempdir().expect("a directory");
        let states: Vec<PathBuf> = (0..2).map(|step| directory.path().join(format!("{step}.json"))).collect();
        for (step, state) in states.iter().enumerate() {
            fs::write(state, vec![b'x'; 10 + step]).expect("it is written");
        }
        let kept = directory.path().join("kept");
        fs::create_dir(&kept).expect("a directory");
        for state in &states {
            Call::new("cp", &kept).args([state, &kept]).run().expect("it is copied");
        }
        let mut figures = Figures::default();
        figures.weigh(&kept).expect("it is there");
        assert_eq!(figures.stored_bytes, 21);
        assert!(figures.allocated_bytes >= 21, "{figures:?}");
        assert!(is_last(&states, &kept.join("1.json")).expect("it is read"));
        assert!(!is_last(&states, &kept.join("0.json")).expect("it is read"));
    }
}
