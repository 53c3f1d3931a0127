//! Adding a record to the file, beside other processes that do the same.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::record::{Record, digest_text};

/// More than a record takes: what a writer reads of the end of the file to find the last line.
pub(super) const TAIL_BYTES: u64 = 64 << 10;

/// Opens the file for reading and appending, and makes it if it is not there. Only its owner may read it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Appends a record, and fills in its place in the chain.
///
/// The file is opened anew each time: it may have been moved away, and a process may have been forked. A lock orders
/// the writers, so that each sees the line before its own.
pub(super) fn append(path: &Path, mut record: Record, sync: bool) -> io::Result<()> {
    let mut file = open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    let end = End::read(&mut file)?;
    record.seq = end.seq.map_or(0, |seq| seq + 1);
    record.previous = digest_text(&end.before);
    let mut line = Vec::with_capacity(512);
    if end.unfinished {
        line.push(b'\n');
    }
    serde_json::to_writer(&mut line, &record)?;
    line.push(b'\n');
    file.write_all(&line)?;
    if sync {
        file.sync_data()?;
    }
    Ok(())
}

/// How the file ends.
struct End {
    /// What the next record follows: the last record, and whatever is after it, without a final line feed.
    before: Vec<u8>,
    /// The number of the last record.
    seq: Option<u64>,
    /// Whether the last line lacks its line feed: its writer was stopped in the middle.
    unfinished: bool,
}

impl End {
    fn read(file: &mut File) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let start = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut tail)?;
        let unfinished = tail.last().is_some_and(|last| *last != b'\n');
        if !unfinished {
            tail.pop();
        }
        let mut from = tail.len();
        for line in tail.rsplit(|byte| *byte == b'\n') {
            from -= line.len();
            if let Some(record) = Record::read(line) {
                return Ok(Self { before: tail.split_off(from), seq: Some(record.seq), unfinished });
            }
            from = from.saturating_sub(1);
        }
        if start > 0 {
            let problem = format!("its last {TAIL_BYTES} bytes hold no record that could be followed");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(Self { before: tail, seq: None, unfinished })
    }
}
