//! Many writers of one session: what they save, and what must come of it.

use std::collections::BTreeSet;

use persist_host::ContentHash;

use crate::{command::Persist, directory::json_lines};

/// How many processes save at the same time.
pub const WRITERS: usize = 8;
/// How many snapshots each of them saves.
pub const STEPS: usize = 50;

/// The state that a writer saves at a step; no two are equal.
#[must_use]
pub fn state(writer: usize, step: usize) -> Vec<u8> {
    format!(r#"{{"writer":{writer},"step":{step},"text":"{}"}}"#, "word ".repeat(20 + step)).into_bytes()
}

/// Checks that a session holds every state of every writer once, at indices without a gap, and that all verify.
///
/// # Panics
///
/// When it does not.
pub fn check_session(persist: &Persist, session: &str) {
    let listed = json_lines(&persist.ok(["list", session, "--json"]).stdout);
    let indices: Vec<u64> = listed.iter().filter_map(|row| row["snapshot_index"].as_u64()).collect();
    let expected: Vec<u64> = (0..(WRITERS * STEPS) as u64).collect();
    assert_eq!(indices, expected, "the indices are not contiguous");

    let found: BTreeSet<&str> = listed.iter().filter_map(|row| row["content_hash"].as_str()).collect();
    let saved: BTreeSet<String> = (0..WRITERS)
        .flat_map(|writer| (0..STEPS).map(move |step| ContentHash::of(&state(writer, step)).to_string()))
        .collect();
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
