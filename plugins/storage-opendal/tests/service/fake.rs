//! A little HTTP service whose answers a test decides.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path with the query.
    pub(crate) target: String,
    /// The lines of the header, in lower case.
    pub(crate) header: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Whether this is a write of the probe's object.
    pub(crate) fn probes(&self) -> bool {
        self.target.contains("persist") && self.target.contains("probe")
    }

    /// Whether this is a write that must find no object.
    pub(crate) fn is_conditional(&self) -> bool {
        self.target.contains("ifGenerationMatch=0") || self.header.contains("if-none-match: *")
    }
}

/// What to do about a request.
pub(crate) enum Answer {
    /// A status and a body.
    Status(u16, &'static str),
    /// A status and a line of the header.
    Header(u16, &'static str),
    /// A header that announces more bytes than follow, and then the end of the connection.
    CutShort(&'static str),
    /// The end of the connection, without an answer.
    HangUp,
    /// Nothing at all, until the client gives up.
    Silence,
}

/// The service; it lasts as long as the process.
pub(crate) struct Fake {
    endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    /// Starts a service. `answer` gets each request and how many came before it.
    pub(crate) fn start(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || serve(&stream, &seen, &*answer));
            }
        });
        Self { endpoint, requests }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic under the lock").clone()
    }
}

/// Answers one request per connection.
fn serve(mut stream: &TcpStream, seen: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request, usize) -> Answer) {
    let Some(request) = read(stream) else { return };
    let before = {
        let mut seen = seen.lock().expect("no panic under the lock");
        seen.push(request.clone());
        seen.len() - 1
    };
    let (status, line, body, more) = match answer(&request, before) {
        Answer::Status(status, body) => (status, "", body, 0),
        Answer::Header(status, line) => (status, line, "", 0),
        Answer::CutShort(body) => (200, "", body, 10),
        Answer::HangUp => return,
        Answer::Silence => {
            // The client ends the connection.
            let _ = stream.read(&mut [0]);
            return;
        }
    };
    let body = if request.method == "HEAD" { "" } else { body };
    let line = if line.is_empty() { String::new() } else { format!("{line}\r\n") };
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\nConnection: close\r\n{line}\r\n",
        body.len() + more
    );
    // A client that went away is the test's own doing.
    let _ = stream.write_all((head + body).as_bytes());
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let (mut header, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse().expect("a number");
        }
        header.push_str(&line);
        header.push('\n');
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, header, body })
}
