//! What a state has that the one before it has not: the least that any way of storing both must store.

use std::collections::HashMap;

/// The earlier state is looked up in pieces of this length.
const PIECE: usize = 16;
/// What occurs in the earlier state for less than this is new: naming its place would hardly be shorter. Anything of
/// this length holds a whole piece.
const SHORTEST: usize = 2 * PIECE;

/// The bytes of `state` that are in no run of at least 32 bytes which `previous` has too, anywhere, in their order.
///
/// Runs are looked for greedily and of equal pieces only the first is remembered, so that a few bytes more than
/// necessary may count as new.
pub(super) fn new_content(previous: &[u8], state: &[u8]) -> Vec<u8> {
    // Nearly everything is at its old place or moved as a whole; only the rest is searched for.
    let prefix = common_prefix(previous, state);
    let suffix = common_suffix(&previous[prefix..], &state[prefix..]);
    let changed = &state[prefix..state.len() - suffix];
    if changed.len() < SHORTEST {
        return changed.to_vec();
    }
    let places = places(previous);
    let mut new = Vec::new();
    // Everything before `taken` is accounted for.
    let (mut at, mut taken) = (0, 0);
    while let Some(piece) = changed.get(at..at + PIECE) {
        let Some(&place) = places.get(piece) else {
            at += 1;
            continue;
        };
        let before = common_suffix(&previous[..place], &changed[taken..at]);
        let after = common_prefix(&previous[place..], &changed[at..]);
        if before + after < SHORTEST {
            at += 1;
            continue;
        }
        new.extend_from_slice(&changed[taken..at - before]);
        at += after;
        taken = at;
    }
    new.extend_from_slice(&changed[taken..]);
    new
}

/// The first place of every piece at a multiple of its length.
fn places(bytes: &[u8]) -> HashMap<&[u8], usize> {
    let mut places = HashMap::with_capacity(bytes.len() / PIECE);
    for (number, piece) in bytes.chunks_exact(PIECE).enumerate() {
        places.entry(piece).or_insert(number * PIECE);
    }
    places
}

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

fn common_suffix(one: &[u8], other: &[u8]) -> usize {
    one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(seed);
        std::iter::repeat_with(|| random.u8(..)).take(length).collect()
    }

    #[test]
    fn everything_is_new_without_an_earlier_state() {
        let state = noise(1, 1_000);
        assert_eq!(new_content(&[], &state), state);
        assert_eq!(new_content(&noise(2, 1_000), &state), state);
    }

    #[test]
    fn nothing_is_new_in_what_was_there() {
        let previous = noise(1, 1_000);
        for state in [&previous[..], &previous[..500], &previous[123..], &[]] {
            assert_eq!(new_content(&previous, state), b"", "{} bytes", state.len());
        }
        let moved = [&previous[617..], &previous[..617]].concat();
        assert_eq!(new_content(&previous, &moved), b"");
    }

    #[test]
    fn what_was_inserted_and_appended_is_new() {
        let previous = noise(1, 1_000);
        let (inserted, appended) = (noise(2, 40), noise(3, 70));
        let state =
            [&previous[..300], &inserted, &previous[350..900], &previous[100..200], &appended].concat();
        assert_eq!(new_content(&previous, &state), [inserted, appended].concat());
    }

    #[test]
    fn a_run_counts_from_its_length_on_wherever_it_lies() {
        let previous = noise(1, 1_000);
        for place in 200..200 + PIECE {
            let around =
                |length: usize| [&noise(2, 50)[..], &previous[place..place + length], &noise(3, 50)].concat();
            assert_eq!(new_content(&previous, &around(SHORTEST)).len(), 100, "at {place}");
            assert_eq!(new_content(&previous, &around(SHORTEST - 1)), around(SHORTEST - 1), "at {place}");
        }
    }
}
