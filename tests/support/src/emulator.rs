//! What the emulators of cloud services have in common: one process, one port, plain HTTP, data in a temporary directory.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    error::ServerError,
    process::ServerProcess,
    start::{self, on_free_ports, port_in},
};

/// How an emulator is started and found.
pub(crate) struct Kind {
    /// The server's name.
    pub(crate) name: &'static str,
    /// The variable that names the address of a running one.
    pub(crate) variable: &'static str,
    /// A request, and the status of its answer that shows that the server works.
    pub(crate) ready: (&'static str, u16),
    /// What must be there for it to start.
    pub(crate) installed: fn() -> PathBuf,
    /// The program and its arguments, for a port and a directory.
    pub(crate) command: fn(u16, &Path) -> (PathBuf, Vec<OsString>),
}

/// A running emulator.
#[derive(Debug)]
pub(crate) struct Emulator {
    port: u16,
    own: Option<Own>,
}

/// What there is to clean up. The process comes first: it must be gone before its directory goes.
#[derive(Debug)]
struct Own {
    process: Option<ServerProcess>,
    data: TempDir,
}

impl Emulator {
    pub(crate) fn start(kind: &Kind) -> Result<Self, ServerError> {
        on_free_ports(kind.name, &(kind.installed)(), |[port], data| {
            let process = Some(run(kind, port, data.path())?);
            Ok(Self { port, own: Some(Own { process, data }) })
        })
    }

    /// The emulator that the environment describes, if it describes one.
    pub(crate) fn from_environment(kind: &Kind) -> Result<Option<Self>, ServerError> {
        Ok(port_in(kind.name, kind.variable)?.map(|port| Self { port, own: None }))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn process_id(&self) -> Option<u32> {
        self.own.as_ref()?.process.as_ref().map(ServerProcess::id)
    }

    /// Kills the server and leaves its data.
    pub(crate) fn kill(&mut self) {
        if let Some(own) = &mut self.own {
            own.process = None;
        }
    }

    /// Starts it anew, on the same port and the same data.
    pub(crate) fn restart(&mut self, kind: &Kind) -> Result<(), ServerError> {
        self.kill();
        if let Some(own) = &mut self.own {
            own.process = Some(run(kind, self.port, own.data.path())?);
        }
        Ok(())
    }
}

fn run(kind: &Kind, port: u16, directory: &Path) -> Result<ServerProcess, ServerError> {
    let (program, arguments) = (kind.command)(port, directory);
    let (path, expected) = kind.ready;
    let attempt = format!("GET http://127.0.0.1:{port}{path}");
    let question = (&*attempt, "the answer of a server that is ready");
    start::run(kind.name, &program, &arguments, directory, question, || start::get(port, path, expected))
}
