//! Tests that what is resumed ends like what is read from the start.

use proptest::collection::vec;
use proptest::prelude::*;

use super::marks::EARLIER;
use super::*;
use crate::validate::samples;

/// So small that short texts get many marks, some of them inside escapes and all around characters.
const CLOSE: usize = 16;

type Previous<'a> = Option<(&'a [u8], &'a Checkpoints)>;

fn alone(state: &[u8], json: bool, previous: Previous<'_>) -> Result<Fingerprint, InvalidJson> {
    spaced(state, json, previous, CLOSE)
}

fn spaced(
    state: &[u8],
    json: bool,
    previous: Previous<'_>,
    spacing: usize,
) -> Result<Fingerprint, InvalidJson> {
    let (hash, validate) = plan_spaced(&Bytes::copy_from_slice(state), json, previous, spacing);
    Ok(Fingerprint::new(hash.run(), validate.run()?))
}

fn offsets<S: Clone>(marks: &Marks<S>) -> Vec<usize> {
    (0..=marks.last_within(usize::MAX).map_or(0, |(offset, _)| offset))
        .filter(|offset| marks.last_within(*offset).is_some_and(|(found, _)| found == *offset))
        .collect()
}

/// Asserts that a state that resumes is found to be what it is found to be from the start, and gives the result.
fn resumed(state: &[u8], json: bool, previous: Previous<'_>) -> Option<Fingerprint> {
    let found = alone(state, json, previous);
    let shown = String::from_utf8_lossy(state);
    match (validate_json(state), found) {
        (Err(expected), Err(error)) if json => {
            assert_eq!(error, expected, "{shown}");
            None
        }
        (verdict, Ok(found)) if verdict.is_ok() || !json => {
            assert_eq!(found.hash, ContentHash::of(state), "{shown}");
            let scratch = alone(state, json, None).unwrap().checkpoints;
            assert_eq!(offsets(&found.checkpoints.hashers), offsets(&scratch.hashers), "{shown}");
            if json {
                assert_spread(state, &found.checkpoints.validators);
            }
            Some(found)
        }
        (verdict, found) => panic!("{verdict:?} but {:?}: {shown}", found.map(|found| found.hash)),
    }
}

/// Asserts that a successor of the state can be resumed near any of its bytes.
fn assert_spread(state: &[u8], validators: &Marks<Validator>) {
    let mut last = 0;
    for offset in offsets(validators) {
        assert!(offset + EARLIER >= last + CLOSE / 2, "{offset} lies close behind {last}");
        assert!(offset - last <= 2 * CLOSE + EARLIER, "{offset} lies far behind {last}");
        assert!(std::str::from_utf8(&state[..offset]).is_ok());
        last = offset;
    }
    assert!(state.len() - last <= 2 * CLOSE + EARLIER, "{last} is the last of {} bytes", state.len());
}

#[test]
fn what_follows_an_edit_is_not_read_again_unless_it_means_something_else() {
    let before = format!("[\"{}\", {}0]", "x".repeat(200), "[1, {\"a\": \"b\"}], ".repeat(100)).into_bytes();
    let checkpoints = alone(&before, true, None).unwrap().checkpoints;
    let previous = Some((&before[..], &checkpoints));
    let last = |checkpoints: &Checkpoints| checkpoints.validators.iter().last().map(std::ptr::from_ref);
    let edited = |at: usize, removed: usize, text: &str| {
        let mut state = before.clone();
        state.splice(at..at + removed, text.bytes());
        state
    };
    for state in
        [edited(100, 0, "more"), edited(90, 50, ""), edited(100, 7, "é\\n\\u00e9"), edited(202, 0, "\", \"")]
    {
        let (_, validate) = plan_spaced(&state.clone().into(), true, previous, CLOSE);
        assert!(validate.length() < 250, "{}", validate.length());
        let found = resumed(&state, true, previous).unwrap().checkpoints;
        assert_eq!(last(&found), last(&checkpoints), "the end's checkpoints are taken over");
    }
    // Other brackets around the same bytes.
    let mut deeper = edited(204, 0, "[");
    deeper.push(b']');
    for state in [edited(0, 1, "[["), edited(204, 0, "["), edited(100, 0, "\""), edited(0, 1, "{"), deeper] {
        if let Some(found) = resumed(&state, true, previous) {
            assert_ne!(last(&found.checkpoints), last(&checkpoints));
        }
    }
}

#[test]
fn every_byte_may_change_in_front_of_behind_and_inside_what_is_kept() {
    let before =
        "[\"0123456789\\u00e9\\nx🦀🦀🦀🦀é€é€\", {\"key\": [true, -1.5e+10, null]}, \"\\\"\\\\\\\"\\\\\"]"
            .as_bytes();
    let checkpoints = alone(before, true, None).unwrap().checkpoints;
    let kept = offsets(&checkpoints.validators);
    assert_eq!(kept.len(), before.len() / CLOSE);
    assert!(kept.iter().any(|offset| offset % CLOSE != 0), "a character lies across a multiple: {kept:?}");
    let previous = Some((before, &checkpoints));
    for offset in 0..=before.len() {
        for byte in [b'"', b'\\', b'x', b'0', b',', b'}', b' ', 0, 0x80, 0xa9, 0xc3, 0xf0] {
            let mut state = before.to_vec();
            state.insert(offset, byte);
            resumed(&state, true, previous);
            // In the place of the byte there, not in front of it.
            if offset < before.len() {
                state.remove(offset + 1);
                resumed(&state, true, previous);
            }
        }
        resumed(&before[..offset], true, previous);
    }
}

#[test]
fn only_the_hash_is_resumed_where_the_state_before_was_not_checked() {
    let before = b"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13".as_slice();
    assert!(alone(before, true, None).is_err());
    let unchecked = alone(before, false, None).unwrap().checkpoints;
    assert!(offsets(&unchecked.validators).is_empty() && !offsets(&unchecked.hashers).is_empty());
    let valid = [before, b"]".as_slice()].concat();
    let checked = resumed(&valid, true, Some((before, &unchecked))).unwrap().checkpoints;
    assert!(resumed(&[before, b"}".as_slice()].concat(), true, Some((before, &unchecked))).is_none());
    // And back again: the verdict on the one before says nothing where none is asked for.
    let unchecked = resumed(before, false, Some((&valid, &checked))).unwrap().checkpoints;
    assert!(offsets(&unchecked.validators).is_empty());
}

#[test]
fn a_large_state_gets_the_usual_distances() {
    let large = format!("[{}0]", "\"text\", ".repeat(100_000)).into_bytes();
    let found = spaced(&large, true, None, SPACING).unwrap();
    assert_eq!(offsets(&found.checkpoints.validators).len(), large.len() / SPACING);
    let changed = [&large[..large.len() - 1], b", 1]".as_slice()].concat();
    let (_, validate) = plan(&changed.clone().into(), true, Some((&large, &found.checkpoints)));
    assert!(validate.length() < SPACING + 4, "{}", validate.length());
    let next = spaced(&changed, true, Some((&large, &found.checkpoints)), SPACING).unwrap();
    assert_eq!((found.hash, next.hash), (ContentHash::of(&large), ContentHash::of(&changed)));
    let (_, validate) = plan(&changed.into(), false, None);
    assert_eq!(validate.length(), 0);
}

#[test]
fn the_memory_of_checkpoints_is_bounded() {
    let long = format!("[{}0]", "1234567, ".repeat(200_000)).into_bytes();
    let mut previous = alone(&long[..1_000], false, None).unwrap().checkpoints;
    for length in [30_000, 200_000, 1_000_000, long.len()] {
        let next = alone(&long[..length], false, Some((&long, &previous))).unwrap().checkpoints;
        let count = offsets(&next.hashers).len();
        assert!((100..=257).contains(&count), "{count} for {length} bytes");
        assert!((count * 100..count * 1000).contains(&next.memory()), "{}", next.memory());
        previous = next;
    }

    // Where the nesting is deep there is no checkpoint, and the verdict needs none.
    let deep = [b"[".repeat(300_000), b"]".repeat(300_000)].concat();
    let found = alone(&deep, true, None).unwrap().checkpoints;
    assert!(found.memory() < 4 * 1024 * 1024, "{}", found.memory());
    assert!(offsets(&found.validators).len() < offsets(&found.hashers).len());
    let mut changed = deep.clone();
    changed.insert(deep.len() - 10, b',');
    assert_eq!(
        alone(&changed, true, Some((&deep, &found))).map(|found| found.hash),
        Err(validate_json(&changed).unwrap_err())
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    /// A session: every state is an edit of the one before, whose checkpoints are its own or were handed down.
    #[test]
    fn a_session_of_edits_is_found_as_from_the_start(
        first in samples::json(),
        edits in vec((samples::edit(), any::<bool>()), 1..8),
    ) {
        let mut checkpoints = resumed(&first, true, None).unwrap().checkpoints;
        let mut before = first;
        for (edit, back_to_json) in edits {
            let mut state = before.clone();
            edit.apply(&mut state);
            let previous = Some((before.as_slice(), &checkpoints));
            if let Some(found) = resumed(&state, true, previous) {
                checkpoints = found.checkpoints;
                before = state;
            } else if back_to_json {
                checkpoints = resumed(&before, true, previous).unwrap().checkpoints;
            }
            assert_spread(&before, &checkpoints.validators);
        }
    }
}
