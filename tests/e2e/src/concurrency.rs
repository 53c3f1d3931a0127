//! Many writers of one session: what they save, and what must come of it.

use std::{collections::BTreeSet, process::Command, thread};

use persist_host::ContentHash;
use serde_json::Value;

use crate::{Output, command::Persist, directory::json_lines};

/// How much is saved.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many processes save at the same time.
    pub writers: usize,
    /// How many snapshots each of them saves.
    pub steps: usize,
}

impl Load {
    /// Each writer with each of its steps.
    fn saves(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.writers).flat_map(move |writer| (0..self.steps).map(move |step| (writer, step)))
    }
}

/// The state that a writer saves at a step; no two are equal.
#[must_use]
pub fn state(writer: usize, step: usize) -> Vec<u8> {
    format!(r#"{{"writer":{writer},"step":{step},"text":"{}"}}"#, "word ".repeat(20 + step)).into_bytes()
}

/// Starts processes that live through their saves, and remember between them how far the session was.
///
/// `program` is the built `library-client`.
///
/// # Panics
///
/// When a save fails, or two are told the same index.
pub fn save_in_processes(
    program: &str,
    (adapter, options): (&str, &Value),
    environment: &[(&str, String)],
    session: &str,
    load: Load,
) {
    let indices: Vec<u64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..load.writers)
            .map(|writer| {
                let mut command = Command::new(program);
                command
                    .args(["save", adapter, &options.to_string(), session])
                    .args([writer.to_string(), load.steps.to_string()])
                    .envs(environment.iter().map(|(name, value)| (name, value)));
                scope.spawn(move || Output::of(command, b"").expect_code(0).text())
            })
            .collect();
        let outputs = writers.into_iter().map(|writer| writer.join().expect("its saves succeed"));
        outputs
            .flat_map(|output| output.lines().map(|line| line.parse().expect("an index")).collect::<Vec<_>>())
            .collect()
    });
    assert_eq!(indices.iter().collect::<BTreeSet<_>>().len(), load.saves().count());
}

/// Checks that a session holds every state of every writer once, at indices without a gap, and that all verify.
///
/// # Panics
///
/// When it does not.
pub fn check_session(persist: &Persist, session: &str, load: Load) {
    let listed = json_lines(&persist.ok(["list", session, "--json"]).stdout);
    let indices: Vec<u64> = listed.iter().filter_map(|row| row["snapshot_index"].as_u64()).collect();
    let expected: Vec<u64> = (0..load.saves().count() as u64).collect();
    assert_eq!(indices, expected, "the indices are not contiguous");

    let found: BTreeSet<&str> = listed.iter().filter_map(|row| row["content_hash"].as_str()).collect();
    let saved: BTreeSet<String> =
        load.saves().map(|(writer, step)| ContentHash::of(&state(writer, step)).to_string()).collect();
    assert_eq!(found.len(), listed.len(), "a state was stored twice");
    assert!(saved.iter().all(|hash| found.contains(hash.as_str())), "a state is missing");

    let verified = json_lines(&persist.ok(["verify", session, "--json"]).stdout);
    let intact: BTreeSet<u64> = verified
        .iter()
        .filter(|row| row["error"].is_null())
        .filter_map(|row| row["snapshot_index"].as_u64())
        .collect();
    assert_eq!(intact, expected.into_iter().collect(), "not all snapshots verify");
}
