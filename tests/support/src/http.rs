//! As much of an HTTP client as it takes to ask a local server whether it is ready.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends a request without a body to 127.0.0.1 and returns the status of the answer.
pub(crate) fn status(method: &str, port: u16, path: &str) -> io::Result<u16> {
    request(method, port, path, "")
}

/// Posts JSON to 127.0.0.1 and returns the status of the answer.
pub(crate) fn post(port: u16, path: &str, json: &str) -> io::Result<u16> {
    request("POST", port, path, json)
}

fn request(method: &str, port: u16, path: &str, json: &str) -> io::Result<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let kind = if json.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{kind}Content-Length: {}\r\nConnection: close\r\n\r\n{json}",
        json.len()
    )?;
    // Read to the end: a server may count a connection that closes early as a failure of the request.
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer)?;
    parse_status(&answer).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "the answer does not begin with an HTTP status line")
    })
}

/// Gets a resource of 127.0.0.1 and returns the status and the body of the answer.
pub(crate) fn get(port: u16, path: &str) -> io::Result<(u16, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    // In this version, an answer ends where the connection does.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(1 << 24).read_to_end(&mut answer)?;
    let status = parse_status(&answer);
    let answer = String::from_utf8_lossy(&answer);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    status.zip(body).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn parse_status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next()?.strip_prefix("HTTP/1.")?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_read() {
        assert_eq!(parse_status(b"HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n"), Some(403));
        assert_eq!(parse_status(b"HTTP/1.0 200\r\n\r\n"), Some(200));
    }

    #[test]
    fn anything_else_is_no_status() {
        for answer in [&b""[..], b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n", b"\xff\xff 200\r\n"] {
            assert_eq!(parse_status(answer), None);
        }
    }
}
