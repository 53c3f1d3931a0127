//! A middleman that gives some answers in the server's place. It is there only for answers that the server of these tests
//! never gives: it is one process, so that it neither steps down nor misses a majority, and two upserts do not collide in
//! it. Everything else goes to that server and comes from it.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use mongodb::bson::{Document, doc};

/// The length of what every message begins with: its length, its id, the id that it answers, and its kind.
const HEADER: usize = 16;
/// The kind of message that holds a command or its answer.
const OP_MSG: i32 = 2013;

/// Stands before a server, on a port of its own, until the test's process ends.
pub(crate) struct Middleman {
    address: SocketAddr,
    script: Script,
}

/// What is yet to be said in the server's place.
type Script = Arc<Mutex<Vec<Line>>>;

/// An answer in the server's place.
struct Line {
    command: &'static str,
    collection: &'static str,
    when: When,
    times: usize,
    answer: Document,
    said: Arc<AtomicUsize>,
}

/// When an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At once; the server hears nothing of the command.
    Instead,
    /// When the server has carried out the command.
    After,
}

/// The answer to a command that failed as a whole.
pub(crate) fn failure(code: i32) -> Document {
    doc! { "ok": 0.0, "code": code, "codeName": "Scripted", "errmsg": "scripted" }
}

/// The answer to a write whose one document was refused.
pub(crate) fn refusal(code: i32) -> Document {
    let error = doc! { "index": 0, "code": code, "errmsg": "scripted" };
    doc! { "ok": 1.0, "n": 0, "nModified": 0, "writeErrors": [error] }
}

/// The answer to a write of one document that was carried out, but not acknowledged by as many as it should.
pub(crate) fn unacknowledged(code: i32) -> Document {
    let error = doc! { "code": code, "codeName": "Scripted", "errmsg": "scripted" };
    doc! { "ok": 1.0, "n": 1, "nModified": 1, "writeConcernError": error }
}

impl Middleman {
    /// Stands before the server at this port.
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let script = Script::default();
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let script = Arc::clone(&shared);
                // A connection that breaks is what clients must live with.
                thread::spawn(move || serve(client, &TcpStream::connect(("127.0.0.1", server))?, &script));
            }
        });
        Self { address, script }
    }

    pub(crate) fn uri(&self) -> String {
        format!("mongodb://{}/?directConnection=true", self.address)
    }

    /// Answers the next commands of this name on this collection, as often as `times`; returns how often that was done.
    pub(crate) fn answer(
        &self,
        (command, collection): (&'static str, &'static str),
        when: When,
        times: usize,
        answer: Document,
    ) -> Arc<AtomicUsize> {
        let said = Arc::<AtomicUsize>::default();
        let line = Line { command, collection, when, times, answer, said: Arc::clone(&said) };
        self.script.lock().expect("no panic").push(line);
        said
    }
}

/// Moves messages between a client and the server until either ends.
fn serve(mut client: TcpStream, server: &TcpStream, script: &Script) -> io::Result<()> {
    let to_client = Arc::new(Mutex::new(client.try_clone()?));
    // By the ids of the commands that they answer.
    let replaced = Arc::new(Mutex::new(HashMap::new()));
    let downward = {
        let (to_client, replaced, mut server) =
            (Arc::clone(&to_client), Arc::clone(&replaced), server.try_clone()?);
        move || -> io::Result<()> {
            loop {
                let message = read(&mut server)?;
                let answer = replaced.lock().expect("no panic").remove(&number(&message, 8));
                let message = answer.unwrap_or(message);
                to_client.lock().expect("no panic").write_all(&message)?;
            }
        }
    };
    let down = thread::spawn(downward);
    let mut upward = || -> io::Result<()> {
        loop {
            let message = read(&mut client)?;
            match find(script, &message) {
                Some((When::Instead, answer)) => {
                    to_client.lock().expect("no panic").write_all(&answer)?;
                    continue;
                }
                Some((When::After, answer)) => {
                    replaced.lock().expect("no panic").insert(number(&message, 4), answer);
                }
                None => {}
            }
            let mut to_server = server;
            to_server.write_all(&message)?;
        }
    };
    let ended = upward();
    // The other direction ends with it. It may have ended already.
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
    let _ = down.join();
    ended
}

/// The answer that the script has for a message, if it has one.
fn find(script: &Script, message: &[u8]) -> Option<(When, Vec<u8>)> {
    // Flags and the kind of the first section follow; that of commands is their document.
    let command = message.get(HEADER + 5..).filter(|_| number(message, 12) == OP_MSG)?;
    let command = Document::from_reader(command).ok()?;
    let (name, collection) = command.iter().next()?;
    let mut script = script.lock().expect("no panic");
    let line = script.iter_mut().find(|line| {
        line.times > 0 && line.command == name && collection.as_str() == Some(line.collection)
    })?;
    line.times -= 1;
    line.said.fetch_add(1, Ordering::SeqCst);
    let body = line.answer.to_vec().expect("a document");
    let length = i32::try_from(HEADER + 5 + body.len()).expect("a short answer");
    let header = [length, 0, number(message, 4), OP_MSG];
    let mut answer: Vec<u8> = header.into_iter().flat_map(i32::to_le_bytes).collect();
    answer.extend([0; 5]);
    answer.extend(body);
    Some((line.when, answer))
}

fn read(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; HEADER];
    from.read_exact(&mut message)?;
    let length = usize::try_from(number(&message, 0)).unwrap_or_default();
    message.resize(length.max(HEADER), 0);
    from.read_exact(&mut message[HEADER..])?;
    Ok(message)
}

/// The number at a place of a header.
fn number(message: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(message[at..at + 4].try_into().expect("four bytes"))
}
