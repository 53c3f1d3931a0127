//! A TCP proxy in front of a server, which delays, cuts, truncates and loses what a test tells it to, whatever the
//! protocol.

mod link;
mod rule;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

pub use rule::{Fault, Mode, Rule, Strikes};

/// How long a proxy tries to listen at its address again, which something else may use for a moment.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);
const LISTEN_POLL: Duration = Duration::from_millis(20);

/// A proxy on 127.0.0.1. When it is dropped it no longer listens, and what was open is cut.
///
/// It begins by letting everything through. Everything about it can be changed while connections are open.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

/// What the proxy's threads share.
#[derive(Debug)]
struct State {
    server: SocketAddr,
    plan: Mutex<Plan>,
    open: Mutex<BTreeMap<usize, Open>>,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

#[derive(Debug)]
struct Plan {
    mode: Mode,
    /// Changes whenever the proxy begins to listen or stops, so that a thread knows whether it still should.
    generation: usize,
    rules: Vec<Rule>,
    to_server: Duration,
    to_client: Duration,
}

/// Both ends of an open connection.
#[derive(Debug)]
struct Open {
    client: TcpStream,
    server: Option<TcpStream>,
    stalled: bool,
}

impl Proxy {
    /// Starts a proxy in front of a server.
    ///
    /// # Panics
    ///
    /// When no port is free.
    #[must_use]
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.unwrap_or_else(|error| panic!("no port for a proxy: {error}"));
        let address = listener.local_addr();
        let address = address.unwrap_or_else(|error| panic!("the address of a proxy: {error}"));
        let plan = Plan {
            mode: Mode::Forward,
            generation: 0,
            rules: Vec::new(),
            to_server: Duration::ZERO,
            to_client: Duration::ZERO,
        };
        let state = Arc::new(State {
            server,
            plan: Mutex::new(plan),
            open: Mutex::default(),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        });
        listen(listener, Arc::clone(&state), 0);
        Self { address, state }
    }

    /// A proxy that takes connections and closes each of them at once.
    ///
    /// # Panics
    ///
    /// When no port is free.
    #[must_use]
    pub fn dead() -> Self {
        let proxy = Self::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        proxy.switch(Mode::Close);
        proxy
    }

    /// Where it listens: 127.0.0.1 and a port of its own.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as an `http://` URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Holds back all that comes from now on for these times, on the way to the server and on the way back. As much as
    /// ever is on the way at once: this is latency, not a bound on the throughput.
    pub fn delay(&self, to_server: Duration, to_client: Duration) {
        let mut plan = self.state.plan();
        (plan.to_server, plan.to_client) = (to_server, to_client);
    }

    /// Does this with connections from now on.
    ///
    /// # Panics
    ///
    /// When it cannot listen at its address again after [`Mode::Refuse`].
    pub fn switch(&self, mode: Mode) {
        let before = std::mem::replace(&mut self.state.plan().mode, mode);
        match mode {
            Mode::Refuse if before != mode => self.stop_listening(),
            _ if before == Mode::Refuse && mode != before => self.listen_again(),
            _ => {}
        }
        self.state.cut_open(mode, None);
    }

    /// Sets a rule beside those that are there; the first that strikes a request decides.
    #[must_use = "the strikes tell whether there was a fault at all"]
    pub fn arm(&self, rule: Rule) -> Strikes {
        let strikes = rule.struck.clone();
        self.state.plan().rules.push(rule);
        strikes
    }

    /// Removes all rules.
    pub fn disarm(&self) {
        self.state.plan().rules.clear();
    }

    /// Cuts all connections that are open. New ones are treated as ever.
    pub fn cut(&self) {
        self.state.cut_open(Mode::Close, None);
    }

    /// How many connections were made to it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many requests came, as [`Rule`] counts them.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    fn stop_listening(&self) {
        self.state.plan().generation += 1;
        // The thread waits for a connection. It may be gone already.
        let _ = TcpStream::connect(self.address);
        // The connection above was accepted before the listener went, or it was refused.
        let begin = Instant::now();
        while TcpStream::connect(self.address).is_ok() && begin.elapsed() < LISTEN_TIMEOUT {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn listen_again(&self) {
        let begin = Instant::now();
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(error) if begin.elapsed() > LISTEN_TIMEOUT => {
                    panic!("cannot listen at {} again: {error}", self.address)
                }
                Err(_) => thread::sleep(LISTEN_POLL),
            }
        };
        let generation = {
            let mut plan = self.state.plan();
            plan.generation += 1;
            plan.generation
        };
        listen(listener, Arc::clone(&self.state), generation);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.switch(Mode::Refuse);
    }
}

impl State {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<usize, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts what a new mode does not leave open: with [`Mode::Forward`] what stood still, since bytes of it are lost.
    fn cut_open(&self, mode: Mode, but: Option<usize>) {
        for (number, open) in self.open().iter_mut() {
            let cut = match mode {
                Mode::Forward => open.stalled,
                Mode::Refuse | Mode::Close => true,
                Mode::Stall => {
                    open.stalled = true;
                    false
                }
            };
            if cut && Some(*number) != but {
                // Either may be closed already.
                let _ = open.client.shutdown(Shutdown::Both);
                let _ = open.server.as_ref().map(|server| server.shutdown(Shutdown::Both));
            }
        }
    }

    /// Connects a client with the server, as the mode says, until either ends.
    fn serve(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        let mode = self.plan().mode;
        let server = match mode {
            Mode::Refuse | Mode::Close => return Ok(()),
            Mode::Stall => None,
            Mode::Forward => Some(TcpStream::connect(self.server)?),
        };
        let open = Open {
            client: client.try_clone()?,
            server: server.as_ref().map(TcpStream::try_clone).transpose()?,
            stalled: mode == Mode::Stall,
        };
        {
            let mut all = self.open();
            // Whoever switched the proxy meanwhile has not seen this connection.
            if self.plan().mode != mode {
                return Ok(());
            }
            all.insert(number, open);
        }
        let served = match server {
            Some(server) => link::run(Arc::clone(self), number, client, server),
            None => link::swallow(client),
        };
        self.open().remove(&number);
        served
    }
}

/// Accepts connections until the proxy is to listen no more, or otherwise.
fn listen(listener: TcpListener, state: Arc<State>, generation: usize) {
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if state.plan().generation != generation {
                return;
            }
            let state = Arc::clone(&state);
            // A connection that breaks is what clients must live with.
            thread::spawn(move || state.serve(client));
        }
    });
}
