//! Reading the state to save.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::thread;

use bytes::Bytes;
use persist_host::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

use super::output::Output;

/// Where a state comes from.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// A file, or standard input for `-` and for nothing.
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        match path {
            Some(path) if path.as_os_str() != "-" => Self::File(path),
            _ => Self::Stdin,
        }
    }

    /// Reads everything.
    ///
    /// A thread of its own does it, not one of the runtime's: a read from a terminal or a pipe cannot be cancelled, and
    /// the runtime would wait for it after Ctrl-C.
    pub(crate) async fn read(self, output: &Output) -> Result<Bytes> {
        if matches!(self, Self::Stdin) && io::stdin().is_terminal() {
            output.note("reading the state from the terminal; Ctrl-D ends it");
        }
        let (sender, receiver) = oneshot::channel();
        let reader = thread::Builder::new().name("read-state".to_owned()).spawn(move || {
            // The receiver is gone when the command was cancelled.
            let _ = sender.send(self.read_now());
        });
        reader.map_err(|error| {
            Error::new(ErrorKind::Other, "runtime", "cannot start a thread to read the state")
                .with_source(error)
        })?;
        receiver.await.map_err(|error| {
            Error::new(ErrorKind::Other, "runtime", "the thread that reads the state ended early")
                .with_source(error)
        })?
    }

    fn read_now(&self) -> Result<Bytes> {
        let read = match self {
            Self::Stdin => read_to_end(&mut io::stdin().lock(), 0),
            Self::File(path) => open_and_read(path),
        };
        read.map_err(|error| {
            let name = match self {
                Self::Stdin => "standard input".to_owned(),
                Self::File(path) => path.display().to_string(),
            };
            let message = format!("cannot read the state from {name}; nothing was saved");
            Error::new(ErrorKind::InvalidInput, "input_unreadable", message).with_source(error)
        })
    }
}

fn open_and_read(path: &Path) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    read_to_end(&mut file, usize::try_from(length).unwrap_or(0))
}

/// Reads into memory of the expected size, so that a large file is never held twice.
fn read_to_end(source: &mut impl Read, expected: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(expected).map_err(io::Error::other)?;
    source.read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_standard_input() {
        assert!(matches!(Input::new(Some("-".into())), Input::Stdin));
        assert!(matches!(Input::new(None), Input::Stdin));
        assert!(matches!(Input::new(Some("./-".into())), Input::File(_)));
    }

    #[test]
    fn a_file_that_is_longer_or_shorter_than_expected_is_read_whole() {
        for expected in [0, 3, 5, 100] {
            assert_eq!(read_to_end(&mut &b"12345"[..], expected).unwrap(), "12345");
        }
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let error = Input::File("/no/such/state.json".into()).read_now().unwrap_err();
        assert_eq!(error.to_string(), "cannot read the state from /no/such/state.json; nothing was saved");
    }
}
