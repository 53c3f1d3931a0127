//! Sends OpenDAL's requests, within time limits, and remembers what became of them.
//!
//! OpenDAL's errors are made for people: they hold whole requests and answers, addresses with signatures among them, and
//! not whether a request was sent at all. What the adapter says of a failure is therefore taken from here.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use http::{HeaderMap, Request, Response};
use opendal::raw::Operation;
use opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport, HttpTransporter, OperationContext, Result};
use opendal_http_transport_reqwest::ReqwestTransport;
use tokio::time::{Instant, Sleep};

/// The slowest connection on which an upload ends in time, in bytes per second.
const SLOWEST: u64 = 1 << 20;

/// What is shared by all requests of an adapter.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    transport: ReqwestTransport,
    /// The service's host and port. Other hosts are asked for credentials.
    authority: String,
    /// How long an answer, and each further piece of it, may take.
    limit: Duration,
}

impl Client {
    pub(crate) fn new(client: reqwest::Client, authority: String, limit: Duration) -> Self {
        Self { transport: ReqwestTransport::new(client), authority, limit }
    }

    /// A context whose requests are noted in `seen`.
    pub(crate) fn context(&self, seen: &Arc<Seen>) -> OperationContext {
        OperationContext::new().with_http_transport(self.transporter(seen))
    }

    /// The same as a transport.
    pub(crate) fn transporter(&self, seen: &Arc<Seen>) -> HttpTransporter {
        HttpTransporter::new(Wire { client: self.clone(), seen: Arc::clone(seen) })
    }
}

/// What is known of the requests that one call made to the service.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Facts>);

/// A copy of that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// A request was sent, and no answer proves that it had no effect.
    pub(crate) may_have_applied: bool,
    /// No connection came about.
    pub(crate) unreachable: bool,
    /// A time limit was reached.
    pub(crate) timed_out: bool,
    /// The HTTP status of the last answer.
    pub(crate) status: Option<u16>,
    /// The service's own name for an error.
    pub(crate) name: Option<String>,
    /// By what the service's support finds the request.
    pub(crate) request_id: Option<String>,
    /// The size of the object of which the last answer holds a part.
    pub(crate) object_size: Option<u64>,
    /// Whether the service keeps what was replaced or deleted, if it said so.
    pub(crate) keeps_versions: Option<bool>,
}

impl Seen {
    pub(crate) fn facts(&self) -> Facts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut Facts)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn note_answer(&self, status: u16, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        self.note(|facts| {
            facts.unreachable = false;
            // An answer in the 500s may come from a gateway in front of a service that went on with its work.
            facts.may_have_applied = !(400..500).contains(&status);
            facts.status = Some(status);
            facts.name = text("x-ms-error-code");
            facts.request_id = text("x-ms-request-id").or_else(|| text("x-guploader-uploadid"));
            facts.object_size =
                text("content-range").and_then(|range| range.rsplit_once('/')?.1.parse().ok());
            let permanent = text("x-ms-delete-type-permanent").map(|permanent| permanent == "true");
            let keeps =
                if headers.contains_key("x-ms-version-id") { Some(true) } else { permanent.map(|is| !is) };
            facts.keeps_versions = keeps.or(facts.keeps_versions);
        });
    }
}

/// The transport of one call.
struct Wire {
    client: Client,
    seen: Arc<Seen>,
}

impl HttpTransport for Wire {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        // Requests for credentials belong to no operation. Whoever gets one that does, it may be carried out.
        let to_service = request.extensions().get::<Operation>().is_some()
            || request.uri().authority().is_some_and(|to| to.as_str() == self.client.authority);
        let seen = |note: fn(&mut Facts)| {
            if to_service {
                self.seen.note(note);
            }
        };
        let limit = self.client.limit + Duration::from_secs(request.body().len() as u64 / SLOWEST);
        seen(|facts| facts.may_have_applied = true);
        let answer = match tokio::time::timeout(limit, self.client.transport.fetch(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                if never_connected(&error) {
                    seen(|facts| {
                        facts.unreachable = true;
                        facts.may_have_applied = false;
                    });
                }
                return Err(error);
            }
            Err(_) => {
                self.seen.note(|facts| facts.timed_out = true);
                return Err(timeout(limit));
            }
        };
        if to_service {
            self.seen.note_answer(answer.status().as_u16(), answer.headers());
        }
        let (parts, body) = answer.into_parts();
        let (limit, seen) = (self.client.limit, Arc::clone(&self.seen));
        let body = body.map_inner(|inner| {
            Box::new(Paced { inner, limit, sleep: Box::pin(tokio::time::sleep(limit)), seen })
        });
        Ok(Response::from_parts(parts, body))
    }
}

/// Whether an error proves that no connection came about.
fn never_connected(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source.and_then(|source| source.downcast_ref::<reqwest::Error>()).is_some_and(reqwest::Error::is_connect)
}

fn timeout(limit: Duration) -> Error {
    Error::new(ErrorKind::Unexpected, format!("no answer within {} ms", limit.as_millis())).set_temporary()
}

type Pieces = Box<dyn Stream<Item = Result<Buffer>> + Send + Sync + Unpin>;

/// An answer's data, each piece of which must come in time.
struct Paced {
    inner: Pieces,
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
    seen: Arc<Seen>,
}

impl Stream for Paced {
    type Item = Result<Buffer>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(piece) = Pin::new(&mut self.inner).poll_next(context) {
            let deadline = Instant::now() + self.limit;
            self.sleep.as_mut().reset(deadline);
            return Poll::Ready(piece);
        }
        std::task::ready!(self.sleep.as_mut().poll(context));
        self.seen.note(|facts| facts.timed_out = true);
        Poll::Ready(Some(Err(timeout(self.limit))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known of a request to a service that hangs up, whose address is not written as in the options.
    async fn facts(request: http::request::Builder) -> Facts {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/k", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            std::io::Read::read(&mut stream, &mut [0; 64]).unwrap()
        });
        let client =
            Client::new(reqwest::Client::new(), "SERVICE.example".to_owned(), Duration::from_secs(60));
        let seen = Arc::new(Seen::default());
        let request = request.uri(url).body(Buffer::from("v")).unwrap();
        client.transporter(&seen).send(request).await.unwrap_err();
        assert_ne!(server.join().unwrap(), 0);
        seen.facts()
    }

    #[tokio::test]
    async fn a_write_may_have_been_applied_whoever_it_was_sent_to() {
        assert!(facts(Request::put("/").extension(Operation::Write)).await.may_have_applied);
        assert!(!facts(Request::post("/")).await.may_have_applied, "a request for credentials");
    }
}
