//! Ctrl-C and the system's request to end.
//!
//! The first signal cancels the command by dropping its future, which leaves nothing half-written. A second one ends
//! the process at once, for the case that something still blocks.

use persist_host::{Error, ErrorKind, Result};
use tokio::sync::mpsc;

use super::exit::Exit;

/// What arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// A request to end, such as a service manager's.
    Terminate,
}

impl Signal {
    /// The exit code, as shells expect it.
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }
}

/// Listens for signals.
pub(crate) struct Interrupt {
    signals: mpsc::UnboundedReceiver<Signal>,
}

impl Interrupt {
    /// Begins to listen. From now on a signal no longer ends the process by itself.
    pub(crate) fn listen() -> Result<Self> {
        let mut incoming = platform::Signals::listen().map_err(|error| {
            Error::new(ErrorKind::Other, "signals", "cannot listen for signals").with_source(error)
        })?;
        let (sender, signals) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let first = incoming.next().await;
            // A closed channel means that the command is done.
            let _ = sender.send(first);
            let second = incoming.next().await;
            std::process::exit(second.exit() as i32);
        });
        Ok(Self { signals })
    }

    /// Waits for the first signal.
    pub(crate) async fn signalled(&mut self) -> Signal {
        match self.signals.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
mod platform {
    use std::io;

    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    use super::Signal;

    pub(super) struct Signals {
        interrupt: Stream,
        terminate: Stream,
    }

    impl Signals {
        pub(super) fn listen() -> io::Result<Self> {
            let interrupt = signal(SignalKind::interrupt())?;
            Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.interrupt.recv() => Signal::Interrupt,
                _ = self.terminate.recv() => Signal::Terminate,
            }
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;

    use super::Signal;

    pub(super) struct Signals;

    impl Signals {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn next(&mut self) -> Signal {
            match tokio::signal::ctrl_c().await {
                Ok(()) => Signal::Interrupt,
                Err(_) => std::future::pending().await,
            }
        }
    }
}
