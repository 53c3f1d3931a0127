//! Rotel: a collector for OpenTelemetry that writes down the spans that it receives.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
};

use tempfile::TempDir;

use crate::{
    artifacts::rotel_bin,
    error::ServerError,
    process::ServerProcess,
    start::{self, on_free_ports, or_panic},
};

const NAME: &str = "Rotel";

/// A running collector on 127.0.0.1. It ends, and what it received goes, when this is dropped.
#[derive(Debug)]
pub struct Rotel {
    grpc: u16,
    http: u16,
    _process: ServerProcess,
    data: TempDir,
}

/// A span that it received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The id of its trace, in hexadecimal digits.
    pub trace: String,
    /// The id of the span around it; empty if there is none.
    pub parent: String,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its attributes, with their types, as in `Str(main)`.
    pub attributes: BTreeMap<String, String>,
}

impl Rotel {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start; the message says what to do.
    #[must_use]
    pub fn start() -> Self {
        or_panic(Self::try_start())
    }

    /// Starts one.
    ///
    /// # Errors
    ///
    /// When it is not installed or does not start; the message says what to do.
    pub fn try_start() -> Result<Self, ServerError> {
        on_free_ports(NAME, &rotel_bin(), |[grpc, http], data| Self::start_once(grpc, http, data))
    }

    fn start_once(grpc: u16, http: u16, data: TempDir) -> Result<Self, ServerError> {
        let arguments = [
            "start".to_owned(),
            format!("--otlp-grpc-endpoint=127.0.0.1:{grpc}"),
            format!("--otlp-http-endpoint=127.0.0.1:{http}"),
            "--exporter=blackhole".to_owned(),
            "--debug-log=traces".to_owned(),
            "--debug-log-verbosity=detailed".to_owned(),
        ]
        .map(OsString::from);
        let question = ("connect to both ports", "a listener");
        let process = start::run(NAME, &rotel_bin(), &arguments, data.path(), question, || {
            let connect = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port));
            connect(grpc).and_then(|_| connect(http)).map(drop).map_err(|error| error.to_string())
        })?;
        Ok(Self { grpc, http, _process: process, data })
    }

    /// The URL for OTLP over gRPC.
    #[must_use]
    pub fn grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc)
    }

    /// The URL for OTLP over HTTP, without a path.
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// Where it writes down what it receives.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.data.path().join("log")
    }

    /// All that it has written down so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The spans that it has received so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        spans(&self.log())
    }
}

/// Reads the spans of its log: lines of a name, a colon and a value, below a line `Span #N`.
fn spans(log: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for line in log.lines() {
        if line.starts_with("Span #") {
            spans.push(Span::default());
        }
        let Some(span) = spans.last_mut() else { continue };
        if let Some(attribute) = line.trim_start().strip_prefix("-> ") {
            if let Some((name, value)) = attribute.split_once(": ") {
                span.attributes.insert(name.to_owned(), value.to_owned());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            let value = value.trim().to_owned();
            match name.trim() {
                "Trace ID" => span.trace = value,
                "Parent ID" => span.parent = value,
                "ID" => span.id = value,
                "Name" => span.name = value,
                _ => {}
            }
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_from_the_log() {
        let log = "Span #0\n    Trace ID       : ab\n    Parent ID      : \n    ID             : cd\n    \
                   Name           : save\nAttributes:\n     -> store: Str(main)\nSpan #1\n    Name : x\n";
        let spans = spans(log);
        assert_eq!(spans.len(), 2);
        assert_eq!((&*spans[0].trace, &*spans[0].id, &*spans[0].parent), ("ab", "cd", ""));
        assert_eq!(spans[0].attributes["store"], "Str(main)");
        assert_eq!(spans[1].name, "x");
    }
}
