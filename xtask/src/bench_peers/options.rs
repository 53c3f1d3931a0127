//! What is to be compared.

use std::{ffi::OsString, path::PathBuf};

use crate::{
    bench_sessions::absolute,
    error::{Error, Result},
};

/// How many recorded sessions are replayed unless the caller says otherwise.
const SESSIONS: usize = 4;

pub(super) struct Options {
    /// The profile of cargo's that Persist is built in.
    pub(super) profile: String,
    /// A collection of recorded sessions, as `bench-sessions` takes it.
    pub(super) data: Option<PathBuf>,
    pub(super) sessions: usize,
    /// Parts of the names of the peers that are wanted; all are if there are none.
    only: Vec<String>,
}

impl Options {
    pub(super) fn parse(arguments: &[OsString]) -> Result<Self> {
        let mut options =
            Self { profile: "release".to_owned(), data: None, sessions: SESSIONS, only: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments.next().ok_or_else(|| Error::usage(format!("{} takes a value", argument.display())))
            };
            match argument.to_str() {
                Some("--profile") => options.profile = value()?.to_string_lossy().into_owned(),
                Some("--data") => options.data = Some(absolute(value()?)?),
                Some("--sessions") => {
                    let text = value()?;
                    let number = text.to_str().and_then(|text| text.parse().ok()).filter(|many| *many > 0);
                    let reason = || Error::usage(format!("{} is not a number of sessions", text.display()));
                    options.sessions = number.ok_or_else(reason)?;
                }
                Some("--only") => options.only.push(value()?.to_string_lossy().into_owned()),
                _ => {
                    let reason = format!("`bench-peers` does not take {}", argument.display());
                    return Err(Error::usage(reason));
                }
            }
        }
        Ok(options)
    }

    pub(super) fn wants(&self, peer: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| peer.contains(part.as_str()))
    }
}
