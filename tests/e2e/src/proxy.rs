//! A TCP proxy in front of a server, which loses what a test tells it to lose.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// What the proxy does to the answer of the request that it watches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Loses this one answer; the server has done what it was asked.
    LoseAnswer,
    /// Loses it, and lets nothing through from then on.
    LoseAnswerAndStop,
}

/// A proxy on 127.0.0.1. It lasts as long as the process.
#[derive(Debug)]
pub struct Proxy {
    endpoint: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    server: String,
    watch: String,
    fault: Fault,
    struck: AtomicBool,
    stopped: AtomicBool,
    connections: AtomicUsize,
}

impl Proxy {
    /// Starts a proxy to the server at an `http://` URL. The first request whose first line contains `watch` gets the
    /// fault.
    ///
    /// # Panics
    ///
    /// When no port is free, or the URL is another one.
    #[must_use]
    pub fn start(server: &str, watch: &str, fault: Fault) -> Self {
        let server = server.strip_prefix("http://").expect("an http URL").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State {
            server,
            watch: watch.to_owned(),
            fault,
            struck: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                state.connections.fetch_add(1, Ordering::SeqCst);
                // A connection that breaks is what clients must live with.
                thread::spawn(move || state.serve(client));
            }
        });
        Self { endpoint, state }
    }

    /// A proxy that takes connections and closes each of them at once.
    ///
    /// # Panics
    ///
    /// When no port is free.
    #[must_use]
    pub fn dead() -> Self {
        let proxy = Self::start("http://127.0.0.1:1", "", Fault::LoseAnswerAndStop);
        proxy.state.stopped.store(true, Ordering::SeqCst);
        proxy
    }

    /// The proxy's URL.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether the watched request came.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.state.struck.load(Ordering::SeqCst)
    }

    /// How many connections were made to it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl State {
    fn serve(&self, mut client: TcpStream) -> Option<()> {
        if self.stopped.load(Ordering::SeqCst) {
            return None;
        }
        let mut server = TcpStream::connect(&self.server).ok()?;
        let (mut answers, mut to_client) = (server.try_clone().ok()?, client.try_clone().ok()?);
        let loses = Arc::new(AtomicBool::new(false));
        let lost = Arc::clone(&loses);
        let back = thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(count @ 1..) = answers.read(&mut buffer) {
                if lost.load(Ordering::SeqCst) || to_client.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            // The other side may be gone already.
            let _ = to_client.shutdown(Shutdown::Both);
        });
        let mut buffer = [0; 1 << 16];
        while let Ok(count @ 1..) = client.read(&mut buffer) {
            if self.stopped.load(Ordering::SeqCst) {
                break;
            }
            if self.is_watched(&buffer[..count]) && !self.struck.swap(true, Ordering::SeqCst) {
                loses.store(true, Ordering::SeqCst);
                self.stopped.store(self.fault == Fault::LoseAnswerAndStop, Ordering::SeqCst);
            }
            if server.write_all(&buffer[..count]).is_err() {
                break;
            }
            if loses.load(Ordering::SeqCst) {
                // Until the client is sent away without an answer, which the other thread does.
                let _ = std::io::copy(&mut client, &mut server);
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
        // When the other thread ends, the answer that is to be lost has come: the server is done with the request.
        let _ = back.join();
        let _ = client.shutdown(Shutdown::Both);
        Some(())
    }

    fn is_watched(&self, bytes: &[u8]) -> bool {
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        !self.watch.is_empty() && String::from_utf8_lossy(line).contains(&self.watch)
    }
}
