//! The recorded sessions of a collection.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use persist_test_support::Recording;

use crate::error::{Error, Result};

/// A session of the collection.
pub(crate) struct Session {
    /// Its place in the collection.
    pub(crate) name: String,
    path: PathBuf,
}

/// All sessions of a collection: the files of events in `sessions`, then the directories of whole states in
/// `states/openhands-steps`.
pub(crate) fn find(collection: &Path) -> Result<Vec<Session>> {
    let recordings = collection.join("sessions");
    let mut paths = Vec::new();
    for group in entries(&recordings)? {
        paths.extend(
            entries(&group)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "json")),
        );
    }
    paths.extend(entries(&collection.join("states/openhands-steps"))?);
    let name = |path: &Path| path.strip_prefix(collection).unwrap_or(path).display().to_string();
    Ok(paths.into_iter().map(|path| Session { name: name(&path), path }).collect())
}

impl Session {
    /// A directory that holds at least the first `steps` states: the session's own, or the one given, which is filled.
    pub(crate) fn states_in(&self, directory: &Path, steps: usize) -> Result<PathBuf> {
        if self.path.is_dir() {
            return Ok(self.path.clone());
        }
        let file = fs::read(&self.path).map_err(Error::io(format!("read {}", self.path.display())))?;
        let Some(recording) = Recording::parse(&file) else {
            return Err(Error::usage(format!("{} is no recorded session", self.path.display())));
        };
        fs::create_dir(directory).map_err(Error::io(format!("make {}", directory.display())))?;
        for (step, state) in recording.states().take(steps).enumerate() {
            let path = directory.join(format!("{step:06}.json"));
            fs::write(&path, state).map_err(Error::io(format!("write {}", path.display())))?;
        }
        Ok(directory.to_owned())
    }
}

/// What is in a directory, in the order of names; a file has nothing in it.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    if directory.is_file() {
        return Ok(Vec::new());
    }
    let list = || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = list().map_err(Error::io(format!("list {}", directory.display())))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_holds_recordings_and_directories_of_states() {
        let collection = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, text: &str| {
            let path = collection.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        };
        let recording = "{\"source\":0,\n\"final\":{},\n\"base\":{\"a\":1},\n\"events\":[\n1,\n2,\n3\n]}\n";
        write("sessions/b/one.json", recording);
        write("sessions/a/two.json", "[]");
        write("sessions/a/notes.md", "");
        write("sessions/README.md", "");
        write("states/openhands-steps/three/0.json", "{}");
        let sessions = find(collection.path()).expect("it is listed");
        let names: Vec<&str> = sessions.iter().map(|session| session.name.as_str()).collect();
        assert_eq!(names, ["sessions/a/two.json", "sessions/b/one.json", "states/openhands-steps/three"]);

        let states = collection.path().join("states-of-one");
        assert!(sessions[0].states_in(&states, 2).is_err(), "it is no recording");
        let directory = sessions[1].states_in(&states, 2).expect("it is written");
        assert_eq!(entries(&directory).expect("it is listed").len(), 2);
        let last = fs::read_to_string(directory.join("000001.json")).expect("a state");
        assert_eq!(last, r#"{"a":1,"messages":[1,2]}"#);
        assert!(sessions[2].states_in(&states, 2).expect("it is there").ends_with("three"));
    }
}
