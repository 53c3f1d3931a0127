//! The states that every peer saves: made ones, the same in each run, and those of recorded sessions.

use std::{
    fs,
    path::{Path, PathBuf},
};

use persist_test_support::agent_state;
use serde_json::json;

use super::options::Options;
use crate::{
    bench_sessions,
    error::{Error, Result},
};

/// A session that grows: its first and last length, and what each step adds, in bytes.
const GROWING: (usize, usize, usize) = (10_000, 400_000, 2_000);

/// A session that is edited: its length in bytes, those that each step replaces in the middle, and the steps.
const EDITED: (usize, usize, usize) = (400_000, 2_000, 40);

/// A large session with few changes: its length in bytes, those that each step adds in the middle, and the steps.
const LARGE: (usize, usize, usize) = (10_000_000, 1_000, 12);

/// The most states that are taken of a recorded session.
const STEPS: usize = 200;

/// Sessions that are replayed one after the other.
pub(super) struct Workload {
    pub(super) name: String,
    /// The files that hold the successive states of each.
    pub(super) sessions: Vec<Vec<PathBuf>>,
}

/// Makes the states and writes them below a directory.
pub(super) fn workloads(directory: &Path, options: &Options) -> Result<Vec<Workload>> {
    let (first, last, step) = GROWING;
    let growing = write(&directory.join("growing"), growing(first, last, step))?;
    let (length, changed, steps) = EDITED;
    let edited = write(&directory.join("edited"), edited(length, changed, steps))?;
    let (large_length, added, large_steps) = LARGE;
    let large = write(&directory.join("large"), enlarged(large_length, added, large_steps))?;
    let mut workloads = vec![
        Workload {
            name: format!("{} states that grow from 10 KB to 400 KB, 2 KB a step", growing.len()),
            sessions: vec![growing],
        },
        Workload {
            name: format!("{} states of 400 KB, each with another 2 KB in the middle", edited.len()),
            sessions: vec![edited],
        },
        Workload {
            name: format!("{} states of 10 MB, each with 1 KB more in the middle", large.len()),
            sessions: vec![large],
        },
    ];
    if let Some(collection) = &options.data {
        workloads.push(recorded(collection, &directory.join("recorded"), options.sessions)?);
    }
    Ok(workloads)
}

/// Sessions of a collection, at even distances in the order of names.
fn recorded(collection: &Path, directory: &Path, wanted: usize) -> Result<Workload> {
    let found = bench_sessions::find(collection)?;
    fs::create_dir_all(directory).map_err(Error::io(format!("make {}", directory.display())))?;
    let mut sessions = Vec::new();
    for number in 0..wanted.min(found.len()) {
        let session = &found[number * found.len() / wanted.min(found.len())];
        let states = session.states_in(&directory.join(number.to_string()), STEPS)?;
        let attempt = format!("list {}", states.display());
        let entries = fs::read_dir(&states).map_err(Error::io(attempt))?;
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        files.truncate(STEPS);
        sessions.push(files);
    }
    let states: usize = sessions.iter().map(Vec::len).sum();
    let bytes: u64 = sessions.iter().flatten().filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum();
    let name = format!(
        "{states} states of {} recorded sessions, {:.0} MB in all",
        sessions.len(),
        bytes as f64 / 1e6
    );
    Ok(Workload { name, sessions })
}

fn write(directory: &Path, states: impl Iterator<Item = Vec<u8>>) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(directory).map_err(Error::io(format!("make {}", directory.display())))?;
    states
        .enumerate()
        .map(|(step, state)| {
            let path = directory.join(format!("{step:06}.json"));
            fs::write(&path, state).map_err(Error::io(format!("write {}", path.display())))?;
            Ok(path)
        })
        .collect()
}

/// A conversation with one message more in each state.
fn growing(first: usize, last: usize, step: usize) -> impl Iterator<Item = Vec<u8>> {
    let text = text(last + step);
    let messages = move |count: usize| -> Vec<u8> {
        let messages = text.as_bytes().chunks(step).take(count).enumerate();
        let messages: Vec<_> = messages.map(|(number, text)| message(number, text)).collect();
        json!({ "messages": messages }).to_string().into_bytes()
    };
    (first / step..=last / step).map(messages)
}

/// A conversation whose message in the middle is another one in each state.
fn edited(length: usize, changed: usize, steps: usize) -> impl Iterator<Item = Vec<u8>> {
    let text = text(length + changed * steps);
    (0..steps).map(move |step| {
        let (stays, fresh) = text.as_bytes().split_at(length);
        let mut parts: Vec<&[u8]> = stays.chunks(changed).collect();
        let middle = parts.len() / 2;
        parts[middle] = &fresh[step * changed..][..changed];
        let messages: Vec<_> = parts.into_iter().enumerate().map(|(at, text)| message(at, text)).collect();
        json!({ "messages": messages }).to_string().into_bytes()
    })
}

/// A long conversation whose message in the middle grows.
fn enlarged(length: usize, added: usize, steps: usize) -> impl Iterator<Item = Vec<u8>> {
    let text = text(length + added * steps);
    (0..steps).map(move |step| {
        let (stays, fresh) = text.as_bytes().split_at(length);
        let (before, after) = stays.split_at(length / 2);
        let before = before.chunks(2_000).chain([&fresh[..step * added]]).chain(after.chunks(2_000));
        let messages: Vec<_> = before.enumerate().map(|(at, text)| message(at, text)).collect();
        json!({ "messages": messages }).to_string().into_bytes()
    })
}

fn message(number: usize, text: &[u8]) -> serde_json::Value {
    let role = ["user", "assistant", "tool"][number % 3];
    json!({ "id": format!("message-{number}"), "role": role, "content": String::from_utf8_lossy(text) })
}

/// Words, numbers and identifiers like those in agents' messages, without what JSON would escape.
fn text(length: usize) -> String {
    let state = agent_state(length);
    let plain = |byte: &u8| if byte.is_ascii_alphanumeric() { char::from(*byte) } else { ' ' };
    state.iter().take(length).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(states: impl Iterator<Item = Vec<u8>>) -> Vec<usize> {
        let states: Vec<Vec<u8>> = states.collect();
        for pair in states.windows(2) {
            assert_ne!(pair[0], pair[1], "each step changes something");
            assert!(serde_json::from_slice::<serde_json::Value>(&pair[1]).is_ok(), "it is JSON");
        }
        states.iter().map(Vec::len).collect()
    }

    #[test]
    fn states_are_made_as_their_names_say() {
        let growing = lengths(growing(10_000, 40_000, 2_000));
        assert_eq!(growing.len(), 16);
        assert!(
            (10_000..11_000).contains(&growing[0]) && (40_000..43_000).contains(&growing[15]),
            "{growing:?}"
        );
        let edited = lengths(edited(40_000, 2_000, 5));
        assert!(edited.iter().all(|length| *length == edited[0]), "{edited:?}");
        let enlarged = lengths(enlarged(40_000, 1_000, 5));
        assert!(enlarged.windows(2).all(|pair| pair[1] == pair[0] + 1_000), "{enlarged:?}");
    }

    #[test]
    fn they_are_the_same_each_time() {
        assert!(growing(10_000, 20_000, 2_000).eq(growing(10_000, 20_000, 2_000)));
    }
}
