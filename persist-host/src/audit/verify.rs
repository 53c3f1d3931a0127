//! Checking that a trail is whole.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use serde::Serialize;

use super::append::TAIL_BYTES;
use super::record::{Head, Record, digest_text};
use crate::{Error, ErrorKind, Result};

/// What a trail holds that is in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Audited {
    /// How many records there are.
    pub records: u64,
    /// How many lines are the beginnings of records whose writers were stopped in the middle. The chain covers them.
    pub unfinished: u64,
    /// The time of the first record.
    pub first: Option<String>,
    /// The time of the last record.
    pub last: Option<String>,
    /// The newest record, `SEQ:SHA256`: what the next verification should be given. `None` for an empty trail.
    pub head: Option<String>,
}

/// Reads a trail from its beginning and checks that each record follows the one before it. With the head of an earlier
/// verification, it also checks that this record is still there, unchanged.
///
/// # Errors
/// [`ErrorKind::NotFound`] without such a file; [`ErrorKind::Integrity`] for the first line that does not follow, naming
/// its number, or when the trail does not hold the head; [`ErrorKind::Other`] when the file cannot be read.
pub fn verify(path: &Path, head: Option<Head>) -> Result<Audited> {
    let unreadable = |error: io::Error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Other,
        };
        Error::new(kind, "audit_unreadable", format!("cannot read the audit log {}", path.display()))
            .with_source(error)
    };
    let mut chain = Chain::default();
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).map_err(unreadable)? > 0 {
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        chain.line(&line, head).map_err(|problem| broken(path, chain.lines, &problem))?;
        line.clear();
    }
    if let Some(head) = head
        && !chain.head_found
    {
        let problem = format!(
            "it ends with record {}, and the head that was given is record {}: it was cut short",
            chain.seq.map_or_else(|| "none".to_owned(), |seq| seq.to_string()),
            head.seq
        );
        return Err(broken(path, chain.lines, &problem));
    }
    Ok(chain.audited)
}

/// What the lines so far have come to.
#[derive(Default)]
struct Chain {
    audited: Audited,
    lines: u64,
    /// The last record and the unfinished lines after it.
    before: Vec<u8>,
    seq: Option<u64>,
    head_found: bool,
}

impl Chain {
    fn line(&mut self, line: &[u8], head: Option<Head>) -> std::result::Result<(), String> {
        self.lines += 1;
        let Some(record) = Record::read(line) else {
            // Whether it was cut by a crash or by somebody is for the next record to say.
            if self.lines > 1 {
                self.before.push(b'\n');
            }
            self.before.extend_from_slice(line);
            if self.before.len() as u64 > TAIL_BYTES {
                return Err(format!("no record ends in the {TAIL_BYTES} bytes before it"));
            }
            self.audited.unfinished += 1;
            return Ok(());
        };
        let expected = self.seq.map_or(0, |seq| seq + 1);
        if record.seq != expected {
            return Err(format!(
                "it is record {}, expected {expected}: records are missing or were added",
                record.seq
            ));
        }
        let before = digest_text(&self.before);
        if record.previous != before {
            return Err(format!(
                "record {expected} follows what has the SHA-256 {}, and what is before it has {before}: one of them was changed",
                record.previous
            ));
        }
        let own = Head::of(record.seq, line);
        if let Some(head) = head.filter(|head| head.seq == record.seq) {
            if head != own {
                return Err(format!(
                    "record {expected} has the SHA-256 {}, expected {}: it was changed",
                    own.sha256, head.sha256
                ));
            }
            self.head_found = true;
        }
        self.seq = Some(record.seq);
        self.audited.records += 1;
        self.audited.head = Some(own.to_string());
        self.audited.first.get_or_insert_with(|| record.time.clone());
        self.audited.last = Some(record.time);
        self.before.clear();
        self.before.extend_from_slice(line);
        Ok(())
    }
}

fn broken(path: &Path, line: u64, problem: &str) -> Error {
    let message = format!("the audit log {} is not whole: line {line}: {problem}", path.display());
    Error::new(ErrorKind::Integrity, "audit_broken", message)
        .with_context("file", path.display())
        .with_context("line", line)
        .with_hint("compare it with a copy; what comes after that line proves nothing")
}
