//! Reading an archive from its first byte to its last, believing nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};

use persist_plugin_api::check_key;
use sha2::{Digest as _, Sha256};

use super::ArchiveContents;
use super::end::{self, End, contents_of};
use super::volume::{BLOCK, END_BYTES, Object, Volume};
use crate::{Error, ErrorKind, key};

/// The longest name of an entry, in bytes; keys are at most 900.
const MAX_NAME_BYTES: u64 = 1024;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// Why a file is no archive.
#[derive(Debug)]
pub(super) enum Broken {
    Damaged { what: String, source: Option<io::Error> },
    OtherVersion(u64),
}

impl Broken {
    fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), source: None }
    }

    /// The error about a file.
    pub(super) fn in_file(self, name: &str) -> Error {
        match self {
            Self::Damaged { what, source } => {
                let message =
                    format!("{name} is no complete and intact archive: {what}; nothing was imported");
                let error = Error::new(ErrorKind::Integrity, "archive_damaged", message)
                    .with_hint("export the sessions again, or use another copy of the file");
                match source {
                    Some(source) => error.with_source(source),
                    None => error,
                }
            }
            Self::OtherVersion(version) => {
                let message = format!(
                    "{name} has version {version} of the archive's form and this release reads version {}; nothing was imported",
                    end::VERSION
                );
                Error::new(ErrorKind::Incompatible, "needs_other_release", message)
            }
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Damaged { what: "it cannot be read as a tar file".to_owned(), source: Some(error) }
    }
}

/// Reads all of a file and checks it.
pub(super) fn open(mut file: File) -> Result<(Volume, ArchiveContents), Broken> {
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut scan = Scan { length, objects: BTreeMap::new(), name: None, end: None };
    let mut archive = tar::Archive::new(BufReader::with_capacity(CHUNK, &file));
    for entry in archive.entries()?.raw(true) {
        scan.add(entry?)?;
    }
    let (end, after) = scan.end.ok_or_else(|| {
        Broken::damaged(format!("it ends early: its last entry, {:?}, is missing", end::NAME))
    })?;
    check_rest(&file, after, length)?;
    let contents = contents_of(&scan.objects);
    if end.objects != contents.objects || end.bytes != contents.bytes {
        return Err(Broken::damaged(format!(
            "it holds {} objects of {} bytes, expected {} of {} bytes",
            contents.objects, contents.bytes, end.objects, end.bytes
        )));
    }
    if end.sha256 != contents.sha256.to_string() {
        let (found, expected) = (contents.sha256, end.sha256);
        return Err(Broken::damaged(format!("its objects have the SHA-256 {found}, expected {expected:?}")));
    }
    Ok((Volume::complete(file, scan.objects), contents))
}

/// What was found so far.
struct Scan {
    length: u64,
    objects: BTreeMap<String, Object>,
    /// The name of the next entry, where it is too long for that entry's header.
    name: Option<Vec<u8>>,
    /// The last entry and where it ends.
    end: Option<(End, u64)>,
}

impl Scan {
    fn add<R: Read>(&mut self, mut entry: tar::Entry<'_, R>) -> Result<(), Broken> {
        let (offset, length) = (entry.raw_file_position(), entry.size());
        if length > self.length.saturating_sub(offset) {
            return Err(Broken::damaged(format!(
                "an entry of {length} bytes begins at offset {offset} of {}",
                self.length
            )));
        }
        if self.end.is_some() {
            return Err(Broken::damaged(format!("there are entries after {:?}", end::NAME)));
        }
        match entry.header().entry_type() {
            tar::EntryType::GNULongName if self.name.is_none() && length <= MAX_NAME_BYTES => {
                let mut name = read_all(&mut entry)?;
                name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                self.name = Some(name);
                return Ok(());
            }
            tar::EntryType::Regular => {}
            other => {
                let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                return Err(Broken::damaged(format!(
                    "its entry {path:?} is no regular file but of type {:?}",
                    char::from(other.as_byte())
                )));
            }
        }
        let name = self.name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let name = String::from_utf8(name).map_err(|_| Broken::damaged("an entry's name is not UTF-8"))?;
        if name == end::NAME {
            let after = offset + length.next_multiple_of(BLOCK);
            self.end = Some((read_end(&mut entry, length)?, after));
            return Ok(());
        }
        let is_object = name == key::MARKER || name.starts_with(key::agents_prefix());
        if !is_object || check_key(&name).is_err() {
            return Err(Broken::damaged(format!("its entry {name:?} is no object of a store")));
        }
        let digest = digest(&mut entry, length)?;
        let object = Object { offset, length, digest };
        if self.objects.insert(name.clone(), object).is_some() {
            return Err(Broken::damaged(format!("its entry {name:?} is there twice")));
        }
        Ok(())
    }
}

fn read_end(entry: &mut impl Read, length: u64) -> Result<End, Broken> {
    if length > end::MAX_BYTES {
        return Err(Broken::damaged(format!("its last entry has {length} bytes")));
    }
    let bytes = read_all(entry)?;
    // The version is looked at first: another one may mean anything else by the rest.
    let unreadable = |error: serde_json::Error| Broken::Damaged {
        what: "its last entry cannot be read".to_owned(),
        source: Some(error.into()),
    };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(unreadable)?;
    match value.get("persist_export").and_then(serde_json::Value::as_u64) {
        Some(end::VERSION) => serde_json::from_value(value).map_err(unreadable),
        Some(other) => Err(Broken::OtherVersion(other)),
        None => Err(Broken::damaged("its last entry does not say which version it has")),
    }
}

fn read_all(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn digest(entry: &mut impl Read, length: u64) -> Result<[u8; 32], Broken> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut left = length;
    while left > 0 {
        let read = entry.read(&mut buffer)?;
        if read == 0 {
            return Err(Broken::damaged("it ends inside an object"));
        }
        hash.update(&buffer[..read]);
        left = left.saturating_sub(read as u64);
    }
    Ok(hash.finalize().into())
}

/// Nothing but zeros may follow the last entry, and at least as many as end a tar file.
fn check_rest(mut file: &File, after: u64, length: u64) -> Result<(), Broken> {
    if length < after + END_BYTES {
        return Err(Broken::damaged("it ends early: the end of the tar file is missing"));
    }
    file.seek(SeekFrom::Start(after))?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        if buffer[..read].iter().any(|byte| *byte != 0) {
            return Err(Broken::damaged("something follows its last entry"));
        }
    }
}
