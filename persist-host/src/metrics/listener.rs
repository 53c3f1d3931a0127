//! Serving the metrics over HTTP, on a thread of its own: a program's own runtime may be busy, or end.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::MetricsConfig;
use crate::{Error, ErrorKind, Result};

/// The one path that is served.
const PATH: &str = "/metrics";

/// A listener that serves the metrics of this process until it is dropped.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    /// Dropping it ends the thread.
    _stop: watch::Sender<()>,
}

impl Listener {
    /// The address that it listens on; its port was chosen by the system if the config says 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves the metrics of this process at `http://ADDRESS/metrics`, if a config says where to listen.
///
/// Whoever can reach the address can read names of stores and plugins, and counts; there is no authentication.
///
/// # Errors
///
/// `metrics_listen`, when the address cannot be listened on.
pub fn serve(config: &MetricsConfig) -> Result<Option<Listener>> {
    let Some(address) = config.listen else { return Ok(None) };
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Other, "metrics_listen", format!("cannot serve metrics on {address}"))
            .with_source(error)
            .with_hint("choose another metrics.listen in the config; each process needs a port of its own")
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (stop, stopped) = watch::channel(());
    let run = move || run(&runtime, listener, stopped);
    thread::Builder::new().name("persist-metrics".to_owned()).spawn(run).map_err(failed)?;
    tracing::debug!(%address, "serving metrics");
    Ok(Some(Listener { address, _stop: stop }))
}

fn run(runtime: &Runtime, listener: TcpListener, mut stopped: watch::Receiver<()>) {
    runtime.block_on(async {
        tokio::select! {
            // It changes when its sender goes.
            _ = stopped.changed() => {}
            error = accept(listener) => tracing::error!(%error, "metrics are not served any more"),
        }
    });
}

/// Serves connections for as long as there is a socket to take them from.
async fn accept(listener: TcpListener) -> std::io::Error {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service_fn(async |request| answer(&request)));
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection for metrics ended badly");
                    }
                });
            }
            Err(error) => {
                // A peer that is gone already, or no file descriptor to spare: the next one may do better.
                tracing::debug!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

fn answer(request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let plain = |status: StatusCode, text: String, media_type: &'static str| {
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    };
    let text = "text/plain; charset=utf-8";
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, PATH) => plain(StatusCode::OK, super::text(), super::CONTENT_TYPE),
        (_, PATH) => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, String::new(), text);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        _ => plain(StatusCode::NOT_FOUND, format!("metrics are at {PATH}\n"), text),
    })
}
