//! What a proxy does, to which requests, and how often that was done.

use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What a proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Connects them with the server.
    Forward,
    /// Does not listen, so that a connection is refused. What was open is cut.
    Refuse,
    /// Accepts them and closes them at once. What was open is cut.
    Close,
    /// Accepts them, takes what comes, and says nothing; the server sees none of it.
    Stall,
}

/// What happens to one request, and to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server gets the whole request and answers; the answer is thrown away and the connection closed. The answer has
    /// come by then, so that the server is done with the request.
    DropReply,
    /// As many bytes of the answer are let through, then the connection is closed. Nothing happens to an answer that is
    /// no longer.
    CutReply(usize),
    /// The server gets at most so many bytes of the request, then the connection is closed.
    CutRequest(usize),
    /// The server gets nothing of the request, at least from where it was known, and the client no answer. The connection
    /// stays open.
    Stall,
    /// The server gets the request, the client no answer. The connection stays open.
    StallReply,
    /// The request waits for [`Strikes::release`] and then goes to the server, even when the client has gone by then. The
    /// answer goes back as ever.
    Hold,
}

/// Which requests get a fault.
///
/// A request is what a client sends over one connection, from its first byte after an answer (or after the connection was
/// made) up to the next answer's first byte. Protocols that send several requests at once have them count as one.
pub struct Rule {
    pub(super) matches: Matches,
    pub(super) fault: Fault,
    pub(super) always: bool,
    pub(super) then: Option<Mode>,
    pub(super) struck: Strikes,
}

/// How a request is known.
pub(super) enum Matches {
    /// By its number; the number counts down.
    Number(usize),
    /// By how it begins, which may be asked several times of a longer and longer beginning.
    Bytes(Test),
}

/// Whether bytes are those of the request that is meant.
type Test = Box<dyn FnMut(&[u8]) -> bool + Send>;

impl Rule {
    /// The request before which there are `number` others, over all connections, from when the rule is set.
    #[must_use]
    pub fn request(number: usize, fault: Fault) -> Self {
        Self::new(Matches::Number(number), fault)
    }

    /// The first request that holds these bytes among its first 256 KiB.
    #[must_use]
    pub fn holding(bytes: impl Into<Vec<u8>>, fault: Fault) -> Self {
        let wanted = bytes.into();
        Self::seen(move |request| request.windows(wanted.len()).any(|window| window == wanted), fault)
    }

    /// The first request of which this is true, as a function of its first bytes: it is asked whenever more of them
    /// have come, up to 256 KiB.
    #[must_use]
    pub fn seen(is_it: impl FnMut(&[u8]) -> bool + Send + 'static, fault: Fault) -> Self {
        Self::new(Matches::Bytes(Box::new(is_it)), fault)
    }

    /// Every such request instead of the first alone: with a number, all from there on.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Switches the proxy when the fault strikes; it goes on listening, so that [`Mode::Refuse`] is [`Mode::Close`] here. The
    /// request's own connection is left to the fault.
    #[must_use]
    pub fn then(mut self, mode: Mode) -> Self {
        self.then = Some(if mode == Mode::Refuse { Mode::Close } else { mode });
        self
    }

    fn new(matches: Matches, fault: Fault) -> Self {
        Self { matches, fault, always: false, then: None, struck: Strikes::default() }
    }

    /// Whether the fault strikes a request that begins so, and is not over with that.
    pub(super) fn strikes(&mut self, request: &[u8], begins: bool) -> bool {
        if !self.always && self.struck.count() > 0 {
            return false;
        }
        let strikes = match &mut self.matches {
            Matches::Number(number) => {
                begins && {
                    let is_it = *number == 0;
                    *number = number.saturating_sub(1);
                    is_it
                }
            }
            Matches::Bytes(is_it) => is_it(request),
        };
        if strikes {
            self.struck.0.count.fetch_add(1, Ordering::SeqCst);
        }
        strikes
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Rule")
            .field("fault", &self.fault)
            .field("struck", &self.struck.count())
            .finish_non_exhaustive()
    }
}

/// How often a rule's fault struck, as of now.
#[derive(Clone, Debug, Default)]
pub struct Strikes(Arc<Struck>);

#[derive(Debug, Default)]
struct Struck {
    count: AtomicUsize,
    answered: AtomicUsize,
    released: Mutex<bool>,
    release: Condvar,
}

impl Strikes {
    /// The number of requests that got the fault.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::SeqCst)
    }

    /// Lets go what [`Fault::Hold`] holds, now and from now on.
    pub fn release(&self) {
        *self.0.released.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.release.notify_all();
    }

    /// How many of the requests that were held the server has answered since, whether or not the client was still there.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.0.answered.load(Ordering::SeqCst)
    }

    /// Waits until the requests may go on.
    pub(super) fn wait(&self) {
        let mut released = self.0.released.lock().unwrap_or_else(PoisonError::into_inner);
        while !*released {
            released = self.0.release.wait(released).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes that the server answered.
    pub(super) fn answer(&self) {
        self.0.answered.fetch_add(1, Ordering::SeqCst);
    }
}
