//! Where the states of a session come from. One is in memory at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use persist_host::{Error, ErrorKind, Result};

use super::synthetic::SyntheticStates;
use crate::cli::args::{BenchArgs, Synthetic};

/// A session to replay. It can be replayed any number of times.
pub(super) struct Source {
    kind: Kind,
    /// How many of the states to replay.
    limit: usize,
}

enum Kind {
    Directory { path: PathBuf, files: Vec<PathBuf> },
    Synthetic(Synthetic),
}

/// A state.
pub(super) struct State {
    pub(super) bytes: Bytes,
    pub(super) is_json: bool,
    /// What to call it in an error.
    pub(super) name: String,
}

impl Source {
    /// The sessions that the arguments ask for.
    pub(super) fn all(args: &BenchArgs) -> Result<Vec<Self>> {
        let limit = args.steps.map_or(usize::MAX, std::num::NonZeroUsize::get);
        if let Some(measures) = args.generate {
            return Ok(vec![Self { kind: Kind::Synthetic(measures), limit }]);
        }
        args.directories.iter().map(|path| Self::directory(path, limit)).collect()
    }

    fn directory(path: &Path, limit: usize) -> Result<Self> {
        let files = state_files(path).map_err(|error| {
            let message = format!("cannot list the states in {}; nothing was saved", path.display());
            Error::new(ErrorKind::InvalidInput, "input_unreadable", message).with_source(error)
        })?;
        if files.is_empty() {
            let message = format!("there are no files in {}; nothing was saved", path.display());
            return Err(Error::new(ErrorKind::InvalidInput, "no_states", message)
                .with_hint("name a directory that holds successive states, one file each"));
        }
        Ok(Self { kind: Kind::Directory { path: path.to_owned(), files }, limit })
    }

    /// The directory, if the states come from one.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Directory { path, .. } => Some(path),
            Kind::Synthetic(_) => None,
        }
    }

    /// The states from the first on.
    pub(super) fn states(&self) -> States<'_> {
        let states = match &self.kind {
            Kind::Directory { files, .. } => Remaining::Files(files.iter()),
            Kind::Synthetic(measures) => Remaining::Synthetic(Box::new(SyntheticStates::new(*measures))),
        };
        States { states, step: 0, limit: self.limit }
    }
}

/// The states of a session, one after the other.
pub(super) struct States<'a> {
    states: Remaining<'a>,
    step: usize,
    limit: usize,
}

enum Remaining<'a> {
    Files(std::slice::Iter<'a, PathBuf>),
    Synthetic(Box<SyntheticStates>),
}

impl States<'_> {
    /// The next state; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<State>> {
        if self.step == self.limit {
            return Ok(None);
        }
        let step = self.step;
        self.step += 1;
        match &mut self.states {
            Remaining::Files(files) => match files.next() {
                Some(path) => read(path).await.map(Some),
                None => Ok(None),
            },
            Remaining::Synthetic(states) => Ok(states.next().map(|state| State {
                bytes: state.into(),
                is_json: true,
                name: format!("state {step}"),
            })),
        }
    }
}

/// The files of a directory in the order of their names, without hidden ones.
fn state_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && fs::metadata(entry.path())?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

async fn read(path: &Path) -> Result<State> {
    let bytes = tokio::fs::read(path).await.map_err(|error| {
        let message = format!("cannot read the state from {}", path.display());
        Error::new(ErrorKind::InvalidInput, "input_unreadable", message).with_source(error)
    })?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    Ok(State { bytes: bytes.into(), is_json, name: path.display().to_string() })
}
