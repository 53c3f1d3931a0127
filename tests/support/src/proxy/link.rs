//! One connection through the proxy: a thread reads each direction and decides, another writes what is to arrive, later
//! by as much as the proxy delays it.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::Ordering,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Fault, Mode, State, Strikes};

const CHUNK: usize = 64 * 1024;
/// How many chunks may be on the way in each direction.
const CHUNKS: usize = 1024;
/// A rule sees as much of a request.
const SEEN: usize = 256 * 1024;
/// An answer has ended when nothing came for so long.
const QUIET: Duration = Duration::from_millis(30);

/// What is on the way.
enum Parcel {
    Bytes {
        due: Instant,
        bytes: Vec<u8>,
    },
    /// The connection is closed in both directions when all before has arrived.
    Cut {
        due: Instant,
    },
}

/// Where the two ends are in their conversation.
#[derive(Default)]
struct Turn {
    /// The beginning of the request.
    request: Vec<u8>,
    /// How many bytes of it came, and how many of its answer.
    sent: usize,
    answered: usize,
    fault: Option<Fault>,
    /// Who is told of the answer to a request that was held.
    held: Option<Strikes>,
}

/// What a direction does with the bytes that it read.
enum Verdict {
    Forward,
    Discard,
    /// Lets so many bytes through and ends the connection.
    ForwardAndCut(usize),
    /// Waits until the server has said all, and ends the connection.
    DiscardAndCut,
}

struct Link {
    state: Arc<State>,
    number: usize,
    turn: Mutex<Turn>,
}

/// Connects the two until either ends.
pub(super) fn run(state: Arc<State>, number: usize, client: TcpStream, server: TcpStream) -> io::Result<()> {
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let link = Arc::new(Link { state, number, turn: Mutex::default() });
    let upward = {
        let (link, from, to) = (Arc::clone(&link), client.try_clone()?, server.try_clone()?);
        thread::spawn(move || link.pump(from, to, true))
    };
    link.pump(server, client, false)?;
    // A panic of the other thread is on standard error already.
    upward.join().unwrap_or(Ok(()))
}

/// Takes what comes until the client goes.
pub(super) fn swallow(mut client: TcpStream) -> io::Result<()> {
    io::copy(&mut client, &mut io::sink()).map(drop)
}

impl Link {
    /// Moves one direction's bytes until they end.
    fn pump(&self, mut from: TcpStream, to: TcpStream, upward: bool) -> io::Result<()> {
        let (parcels, arrivals) = mpsc::sync_channel(CHUNKS);
        let back = from.try_clone()?;
        let writer = thread::spawn(move || deliver(&arrivals, to, &back));
        let read = self.read(&mut from, upward, &parcels);
        if read.is_err() {
            // A connection that broke at one end breaks at the other. The writer may be gone already.
            let _ = parcels.send(Parcel::Cut { due: Instant::now() });
        }
        drop(parcels);
        // As above.
        let _ = writer.join();
        read
    }

    fn read(&self, from: &mut TcpStream, upward: bool, parcels: &SyncSender<Parcel>) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = from.read(&mut buffer)?;
            let bytes = &buffer[..count];
            if bytes.is_empty() {
                return Ok(());
            }
            let (verdict, due) = if upward { self.request(bytes) } else { self.answer(bytes) };
            let (bytes, cut) = match verdict {
                Verdict::Forward => (bytes, false),
                Verdict::ForwardAndCut(count) => (&bytes[..count.min(bytes.len())], true),
                Verdict::Discard => continue,
                Verdict::DiscardAndCut => {
                    from.set_read_timeout(Some(QUIET))?;
                    while from.read(&mut buffer).is_ok_and(|count| count > 0) {}
                    (&[][..], true)
                }
            };
            // The writer ends when its side is closed; there is nobody to write for then.
            if parcels.send(Parcel::Bytes { due, bytes: bytes.to_vec() }).is_err() {
                return Ok(());
            }
            if cut {
                let _ = parcels.send(Parcel::Cut { due });
                return Ok(());
            }
        }
    }

    fn request(&self, bytes: &[u8]) -> (Verdict, Instant) {
        let mut plan = self.state.plan();
        let due = Instant::now() + plan.to_server;
        let mut turn = self.turn();
        let begins = turn.sent == 0 || turn.answered > 0;
        if begins {
            *turn = Turn::default();
            self.state.requests.fetch_add(1, Ordering::SeqCst);
        }
        let before = turn.sent;
        turn.sent += bytes.len();
        let room = SEEN.saturating_sub(turn.request.len()).min(bytes.len());
        turn.request.extend_from_slice(&bytes[..room]);
        let (mut then, mut hold) = (None, None);
        // A connection whose bytes are lost already counts no further.
        if turn.fault.is_none() && plan.mode == Mode::Forward {
            if let Some(rule) =
                plan.rules.iter_mut().find_map(|rule| rule.strikes(&turn.request, begins).then_some(rule))
            {
                (turn.fault, then) = (Some(rule.fault), rule.then);
                hold = Some(rule.struck.clone()).filter(|_| rule.fault == Fault::Hold);
                turn.held.clone_from(&hold);
            }
        } else if turn.fault.is_none() {
            turn.fault = Some(Fault::Stall);
        }
        if let Some(mode) = then {
            plan.mode = mode;
        }
        let verdict = match turn.fault {
            None | Some(Fault::DropReply | Fault::CutReply(_) | Fault::StallReply | Fault::Hold) => {
                Verdict::Forward
            }
            Some(Fault::CutRequest(count)) if turn.sent >= count => {
                Verdict::ForwardAndCut(count.saturating_sub(before))
            }
            Some(Fault::CutRequest(_)) => Verdict::Forward,
            Some(Fault::Stall) => Verdict::Discard,
        };
        drop((plan, turn));
        if let Some(mode) = then {
            self.state.cut_open(mode, Some(self.number));
        }
        if let Some(held) = hold {
            held.wait();
        }
        (verdict, due)
    }

    fn answer(&self, bytes: &[u8]) -> (Verdict, Instant) {
        let (due, forwards) = {
            let plan = self.state.plan();
            (Instant::now() + plan.to_client, plan.mode == Mode::Forward)
        };
        let mut turn = self.turn();
        if matches!(turn.fault, Some(Fault::Stall | Fault::StallReply)) {
            // Not counted: what the client sends next belongs to the same request, which nobody answers.
            return (Verdict::Discard, due);
        }
        if let Some(held) = turn.held.take() {
            held.answer();
        }
        let before = turn.answered;
        turn.answered += bytes.len();
        let verdict = match turn.fault {
            Some(Fault::DropReply) => Verdict::DiscardAndCut,
            Some(Fault::CutReply(count)) if turn.answered >= count => {
                Verdict::ForwardAndCut(count.saturating_sub(before))
            }
            _ if !forwards => Verdict::Discard,
            _ => Verdict::Forward,
        };
        (verdict, due)
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what arrives, when it is due; then says that there is no more.
fn deliver(arrivals: &Receiver<Parcel>, mut to: TcpStream, back: &TcpStream) {
    for parcel in arrivals {
        let (due, bytes) = match parcel {
            Parcel::Bytes { due, bytes } => (due, Some(bytes)),
            Parcel::Cut { due } => (due, None),
        };
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let written = bytes.is_some_and(|bytes| to.write_all(&bytes).is_ok());
        if !written {
            // Either may be closed already.
            let _ = to.shutdown(Shutdown::Both);
            let _ = back.shutdown(Shutdown::Both);
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
