//! The order in which the work reaches the disk. No kill shows a sync that is missing, since what was written is then
//! still in memory; only the order of the calls does.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use persist_e2e::system::{can_inject_faults, skip};

use crate::work::{COLLECT, COLLECT_ALL, COMPACT, SAVE_DELTA, SAVE_NEW, Scene, Work};

/// How the names of files begin that nobody takes for objects.
const TEMPORARY: &str = ".persist-tmp-";

/// One call of a trace.
#[derive(Debug)]
struct Call<'t> {
    name: &'t str,
    /// The open files among the arguments: their numbers and paths.
    files: Vec<(&'t str, &'t str)>,
    texts: Vec<&'t str>,
    /// The number of the file that it opened.
    opened: Option<&'t str>,
}

/// What became visible in a store, in this order.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Directory(String),
    Object(String),
    Replaced(String),
    Removed(String),
}

impl<'t> Call<'t> {
    fn parse(line: &'t str) -> Option<Self> {
        let line = line.trim_start_matches(|character: char| character.is_ascii_digit()).trim_start();
        let (name, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        if result.starts_with('-') {
            return None;
        }
        let opened = open_files(result).first().map(|(number, _)| *number);
        let texts = arguments.split('"').skip(1).step_by(2).collect();
        Some(Self { name, files: open_files(arguments), texts, opened })
    }

    fn path(&self) -> &'t str {
        self.files.last().map_or("", |(_, path)| path)
    }

    fn number(&self) -> &'t str {
        self.files.first().map_or("", |(number, _)| number)
    }
}

/// The open files in a text as `strace -y` writes them: `3</path>`.
fn open_files(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('<') {
        let start =
            text[..at].rfind(|character: char| !character.is_ascii_digit()).map_or(0, |last| last + 1);
        if start < at && !text[..start].ends_with('"') {
            let path = text[at + 1..].split('>').next().unwrap_or_default();
            found.push((&text[start..at], path));
        }
    }
    found
}

/// Has the work done and follows its calls: nothing gets a name before its bytes are synced, and nothing is changed
/// before the names that were given, or taken away, are. Directories that are made for an object are synced with it.
fn follow(work: Work) -> Vec<Change> {
    let scene = Scene::new(work);
    let calls = "trace=openat,mkdir,mkdirat,write,pwrite64,writev,ftruncate,fsync,fdatasync,link,linkat,rename,renameat,\
                 renameat2,unlink,unlinkat";
    let _ = scene.traced(&["-y", "-s", "256", "-e", calls]).expect_code(0);
    scene.check(true);
    changes(&scene.trace(), &scene.root())
}

fn changes(trace: &str, root: &Path) -> Vec<Change> {
    let root = root.to_str().expect("a path of UTF-8");
    let mut changes = Vec::new();
    let mut unsynced_bytes = BTreeSet::new();
    let mut unsynced_names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut temporaries = BTreeSet::new();
    for line in trace.lines().filter(|line| line.contains(root)) {
        let Some(call) = Call::parse(line) else { continue };
        let (name, last) = (call.name, call.texts.last().copied().unwrap_or_default());
        let path = format!("{}/{last}", call.path()).replacen(root, "", 1);
        let all_synced = || assert!(unsynced_names.is_empty(), "{line}\nbefore {unsynced_names:?}");
        let all_but_its_way_synced = || {
            let is_above = |directory: &str| {
                Path::new(call.path()).ancestors().skip(1).any(|above| above == Path::new(directory))
            };
            assert!(
                unsynced_names.keys().all(|directory| is_above(directory)),
                "{line}\nbefore {unsynced_names:?}"
            );
        };
        match name {
            "openat" => {
                unsynced_bytes.remove(call.opened.unwrap_or_default());
                continue;
            }
            "write" => {
                unsynced_bytes.insert(call.number());
                continue;
            }
            "fsync" => {
                unsynced_bytes.remove(call.number());
                unsynced_names.remove(call.path());
                continue;
            }
            "linkat" => {
                let file = call.texts[0].rsplit('/').next().unwrap_or_default();
                assert!(call.texts[0].starts_with("/proc/self/fd/"), "{line}");
                assert!(!unsynced_bytes.contains(file), "{line}\nbefore its bytes are synced");
                all_but_its_way_synced();
                if last.starts_with(TEMPORARY) {
                    temporaries.insert(last);
                    continue;
                }
                changes.push(Change::Object(path));
            }
            "renameat" => {
                assert!(temporaries.remove(call.texts[0]), "{line}\nof a file that was not written before");
                all_synced();
                changes.push(Change::Replaced(path));
            }
            "unlinkat" => {
                all_synced();
                changes.push(Change::Removed(path));
            }
            "mkdirat" => {
                all_but_its_way_synced();
                changes.push(Change::Directory(path));
            }
            _ => panic!("a call that this test does not know: {line}"),
        }
        unsynced_names.insert(call.path(), line);
    }
    assert!(unsynced_names.is_empty(), "at the end: {unsynced_names:?}");
    assert!(temporaries.is_empty(), "left behind: {temporaries:?}");
    changes
}

fn objects(changes: &[Change], part: &str) -> Vec<usize> {
    let is_one = |change: &Change| matches!(change, Change::Object(path) if path.contains(part));
    changes.iter().enumerate().filter(|(_, change)| is_one(change)).map(|(at, _)| at).collect()
}

#[test]
fn a_save_is_one_object_whose_way_is_synced() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    assert_eq!(follow(SAVE_DELTA), [Change::Object("/agents/a/s/d/0000000011".to_owned())]);
    let made = ["/agents/new", "/agents/new/session", "/agents/new/session/d"].map(str::to_owned);
    let mut expected = Vec::from(made.map(Change::Directory));
    expected.push(Change::Object("/agents/new/session/d/0000000000".to_owned()));
    assert_eq!(follow(SAVE_NEW), expected);
}

#[test]
fn what_a_collection_decides_is_synced_before_anything_goes() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    for (work, removed, replaced) in [(COLLECT, 3, 3), (COLLECT_ALL, 4, 0)] {
        let changes = follow(work);
        let decided = objects(&changes, "/m/").last().copied().expect("a manifest");
        let (before, after) = changes.split_at(decided);
        assert!(before.iter().all(|change| matches!(change, Change::Object(_))), "{changes:?}");
        let count = |wanted: fn(&Change) -> bool| after.iter().filter(|change| wanted(change)).count();
        assert_eq!(count(|change| matches!(change, Change::Removed(_))), removed, "{changes:?}");
        assert_eq!(count(|change| matches!(change, Change::Replaced(_))), replaced, "{changes:?}");
    }
}

#[test]
fn a_compaction_stores_anew_then_decides_then_erases() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    let changes = follow(COMPACT);
    let (rewritten, decided) = (objects(&changes, "/g/"), objects(&changes, "/m/"));
    assert_eq!(rewritten.len(), 3, "{changes:?}");
    assert!(rewritten.last() < decided.last(), "{changes:?}");
    let erased = changes.iter().enumerate().filter(|(_, change)| matches!(change, Change::Replaced(_)));
    let erased: Vec<usize> = erased.map(|(at, _)| at).collect();
    // The stubs of snapshots that nothing is built on may come with the first decision.
    for (at, change) in changes.iter().enumerate().filter(|(at, _)| erased.contains(at)) {
        assert!(decided.iter().any(|decided| *decided < at), "{change:?} before any decision: {changes:?}");
    }
    assert!(erased.iter().filter(|at| Some(*at) > decided.last()).count() >= 5, "{changes:?}");
}
