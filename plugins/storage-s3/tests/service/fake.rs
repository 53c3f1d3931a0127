//! A little HTTP service whose answers a test decides.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path with the query.
    pub(crate) target: String,
    /// By names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

/// What to do about a request.
pub(crate) enum Answer {
    /// A status and a body.
    Status(u16, String),
    /// An error as S3 writes it.
    Error(u16, &'static str),
    /// Success in a bucket that keeps old versions.
    Versioned,
    /// A body under a checksum that is another's.
    WrongChecksum(String),
    /// A header that announces more bytes than follow, and then the end of the connection.
    CutShort(String),
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
    let mut header = "";
    let (status, body, length) = match answer(&request, before) {
        Answer::Status(status, body) => (status, body.clone(), body.len()),
        Answer::Error(status, code) => {
            let body = format!("<Error><Code>{code}</Code><Message>as the test wants</Message></Error>");
            (status, body.clone(), body.len())
        }
        Answer::Versioned => {
            header = "x-amz-version-id: 3sL4kqtJlcpXroDTDmJ\r\n";
            (200, String::new(), 0)
        }
        Answer::WrongChecksum(body) => {
            header = "x-amz-checksum-crc32: AAAAAA==\r\n";
            (200, body.clone(), body.len())
        }
        Answer::CutShort(body) => (200, body.clone(), body.len() + 10),
        Answer::HangUp => return,
        Answer::Silence => {
            // The client ends the connection.
            let _ = stream.read(&mut [0]);
            return;
        }
    };
    let body = if request.method == "HEAD" { String::new() } else { body };
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n\
         ETag: \"tag\"\r\nx-amz-request-id: 1\r\n{header}\r\n"
    );
    // A client that went away is the test's own doing.
    let _ = stream.write_all((head + &body).as_bytes());
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    if headers.contains_key("expect") {
        (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, headers, body, at: Instant::now() })
}
