//! States to save: real ones where a collection of them is at hand, and otherwise a few that are made here.

mod made;

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use persist_test_support::Recording;

use crate::system::skip;

/// Names the directory of the collection.
const DATA_VARIABLE: &str = "PERSIST_TEST_DATA";
/// Where the collection is without the variable: beside the workspace.
const DATA_BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

/// The sessions that tests replay: of three kinds, of 23 to 31 steps and 0.4 to 1.7 MB each.
const SESSIONS: [&str; 3] = [
    "tau-bench/airline-task31-trial3.json",
    "openhands/swe-verified__astropy__astropy-14096.json",
    "autogen/tcm__self_teaching.json",
];

const THREADS: usize = 4;

/// A state.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Where it comes from.
    pub name: String,
    /// What `--media-type` says; nothing for JSON.
    pub media_type: Option<&'static str>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A session with its states, step by step.
#[derive(Clone, Debug)]
pub struct Session {
    /// Where it comes from.
    pub name: String,
    /// What an agent would save after each step.
    pub states: Vec<Vec<u8>>,
}

/// What a JSON parser must do with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Accept it.
    Accept,
    /// Refuse it.
    Refuse,
    /// Either: the standard leaves it open.
    Either,
}

/// A text that tries a JSON parser.
#[derive(Clone, Debug)]
pub struct JsonCase {
    /// Its name in JSONTestSuite, or a name in that style.
    pub name: String,
    /// What must happen to it.
    pub expected: Expected,
    /// The text, which need not even be UTF-8.
    pub bytes: Vec<u8>,
}

impl JsonCase {
    fn new(name: String, bytes: Vec<u8>) -> Self {
        let expected = match name.as_bytes().first() {
            Some(b'y') => Expected::Accept,
            Some(b'n') => Expected::Refuse,
            Some(b'i') => Expected::Either,
            _ => panic!("{name} does not begin with y_, n_ or i_"),
        };
        Self { name, expected, bytes }
    }
}

/// Single states: all of the collection, or those made here.
///
/// # Panics
///
/// When the collection cannot be read.
#[must_use]
pub fn states() -> Vec<Sample> {
    let Some(root) = collection("states") else { return made::states() };
    files_below(&root)
        .into_iter()
        .map(|path| Sample {
            name: path.strip_prefix(&root).unwrap_or(&path).display().to_string(),
            media_type: path
                .extension()
                .is_none_or(|extension| extension != "json")
                .then_some("application/octet-stream"),
            bytes: read(&path),
        })
        .collect()
}

/// Three sessions.
///
/// # Panics
///
/// When the collection cannot be read.
#[must_use]
pub fn sessions() -> Vec<Session> {
    let Some(root) = collection("sessions") else { return made::sessions() };
    SESSIONS
        .iter()
        .map(|name| Session { name: (*name).to_owned(), states: replay(&root.join(name)) })
        .collect()
}

/// The cases of JSONTestSuite or some like them, and very deep nesting in any case.
///
/// # Panics
///
/// When the collection cannot be read.
#[must_use]
pub fn json_cases() -> Vec<JsonCase> {
    let mut cases = match collection("awkward/JSONTestSuite/test_parsing") {
        Some(root) => files_below(&root)
            .iter()
            .map(|path| {
                JsonCase::new(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), read(path))
            })
            .collect(),
        None => made::json_cases(),
    };
    cases.extend(made::deep_json_cases());
    cases
}

/// Does something to each item, on a few threads; a panic of one ends the test.
///
/// # Panics
///
/// When `work` does.
pub fn in_parallel<T: Sync>(items: &[T], work: impl Fn(usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    work(index, item);
                }
            });
        }
    });
}

/// A part of the collection; `None`, and a line that says so, when there is no collection.
fn collection(part: &str) -> Option<PathBuf> {
    let root = match env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty()) {
        // Who names a directory wants it used, so a wrong name is no reason to do with less.
        Some(named) => PathBuf::from(named),
        None => PathBuf::from(DATA_BESIDE),
    };
    let directory = root.join(part);
    if directory.is_dir() {
        return Some(directory);
    }
    assert!(
        env::var_os(DATA_VARIABLE).is_none_or(|value| value.is_empty()),
        "{} is not there",
        directory.display()
    );
    skip(&format!(
        "the collection of real states: {DATA_VARIABLE} is not set; using samples made by the test"
    ));
    None
}

fn replay(path: &Path) -> Vec<Vec<u8>> {
    let file = read(path);
    let recording = Recording::parse(&file);
    recording.unwrap_or_else(|| panic!("{} is no recorded session", path.display())).states().collect()
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", directory.display())).path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{} is empty", directory.display());
    found
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
