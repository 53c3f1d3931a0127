//! Looking at what commands leave behind.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// Every regular file below a directory with its content, by relative path; directories have no content.
///
/// Two calls give equal maps exactly when nothing below was added, removed or changed meanwhile.
///
/// # Panics
///
/// When something below cannot be read.
#[must_use]
pub fn contents(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    walk(root, &mut |path, kind| {
        let relative = path.strip_prefix(root).expect("a path below the root").to_owned();
        found.insert(relative, kind.is_file().then(|| fs::read(path).expect("a readable file")));
    });
    found
}

/// Every path below a directory that is not a directory itself, in order.
///
/// # Panics
///
/// When something below cannot be read.
#[must_use]
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(root, &mut |path, kind| {
        if !kind.is_dir() {
            found.push(path.to_owned());
        }
    });
    found
}

/// The JSON objects of an output that holds one a line.
///
/// # Panics
///
/// When a line is something else.
#[must_use]
pub fn json_lines(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn walk(directory: &Path, visit: &mut dyn FnMut(&Path, fs::FileType)) {
    if !directory.exists() {
        return;
    }
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("a directory entry")).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().expect("the type of a directory entry");
        visit(&entry.path(), kind);
        if kind.is_dir() {
            walk(&entry.path(), visit);
        }
    }
}
