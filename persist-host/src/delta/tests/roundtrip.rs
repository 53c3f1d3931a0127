//! A delta makes its target, finds what there is to copy, and notices every change.

use super::*;

/// Checks that the delta makes `target`, and returns how many bytes it inserts.
#[track_caller]
fn inserted(base: &[u8], target: &[u8]) -> usize {
    let delta = stored(base, target);
    assert!(rebuilds(&delta.ops, &delta.literals, base, target));
    assert!(composed(&Bytes::copy_from_slice(base), std::slice::from_ref(&delta)) == target);
    assert!(delta.ops.iter().all(|op| op.len() > 0));
    for pair in delta.ops.windows(2) {
        let joins = match (pair[0], pair[1]) {
            (Op::Insert { .. }, Op::Insert { .. }) => true,
            (Op::Copy { from, len }, Op::Copy { from: next, .. }) => from + len == next,
            _ => false,
        };
        assert!(!joins, "{pair:?} could be one");
    }
    delta.literals.len()
}

#[test]
fn empty_and_tiny_states_have_deltas() {
    let small: [&[u8]; 7] = [b"", b"a", b"b", b"{}", b"[1]", b"0123456789", &[b'x'; 40]];
    for base in small {
        for target in small {
            let most = if base == target { 0 } else { target.len() };
            assert!(inserted(base, target) <= most, "{base:?} to {target:?}");
        }
    }
    assert_eq!(stored(b"some base", b"").ops, []);
    assert_eq!(stored(b"", b"abc").ops, [Op::Insert { len: 3 }]);
    assert_eq!(stored(b"abc", b"abc").ops, [Op::Copy { from: 0, len: 3 }]);
}

#[test]
fn an_appended_message_is_all_that_is_inserted() {
    for count in [3, 300, 30_000] {
        let (base, target) = (messages(0..count), messages(0..=count));
        assert_eq!(stored(&base, &target).ops.len(), 3);
        let new = target.len() - base.len();
        assert!((new - 20..=new).contains(&inserted(&base, &target)), "{count} messages");
    }
}

#[test]
fn prepended_and_removed_messages_cost_no_more_than_themselves() {
    let (base, target) = (messages(1..3000), messages(0..3000));
    assert!(inserted(&base, &target) <= target.len() - base.len());
    assert_eq!(inserted(&target, &base), 0);
}

#[test]
fn an_edit_in_the_middle_is_inserted_alone() {
    for length in [1 << 10, 1 << 18, 1 << 21] {
        let base = noise(1, length);
        let mut target = base.clone();
        target[length / 2] ^= 1;
        let half = length as u64 / 2;
        let expected = [
            Op::Copy { from: 0, len: half },
            Op::Insert { len: 1 },
            Op::Copy { from: half + 1, len: half - 1 },
        ];
        assert_eq!(stored(&base, &target).ops, expected);
    }
}

#[test]
fn a_marker_that_moves_along_the_messages_costs_a_few_bytes() {
    const MARKER: &[u8] = br#","cache_control":{"type":"ephemeral"}"#;
    let state = messages(0..400);
    let ends: Vec<usize> = (0..state.len()).filter(|at| state[*at..].starts_with(b"new\"}")).collect();
    let marked = |message: usize| {
        let mut marked = state.clone();
        marked.splice(ends[message] + 4..ends[message] + 4, MARKER.iter().copied());
        marked
    };
    for message in (0..395).step_by(13) {
        assert!(inserted(&marked(message), &marked(message + 4)) <= 2 * MARKER.len());
    }
}

#[test]
fn counters_in_a_large_state_are_all_that_is_inserted() {
    let base = noise(13, 4 << 20);
    let mut target = base.clone();
    let counters = (100..target.len() - 200).step_by(200);
    for at in counters.clone() {
        target[at] ^= 1;
        target[at + 40] ^= 1;
    }
    assert_eq!(inserted(&base, &target), 2 * counters.len());
}

#[test]
fn moved_and_repeated_blocks_are_copied() {
    let base = noise(2, 200_000);
    let turned = [&base[150_000..], &base[50_000..150_000], &base[..50_000]].concat();
    assert_eq!(inserted(&base, &turned), 0);
    assert_eq!(stored(&base, &turned).ops.len(), 3);
    let repeated = [&base[10_000..40_000]; 20].concat();
    assert_eq!(inserted(&base, &repeated), 0);
    let zeros = vec![0; 300_000];
    assert_eq!(inserted(&zeros, &zeros[..100_000]), 0);
    assert_eq!(inserted(&zeros[..100_000], &zeros), 0);
}

#[test]
fn the_better_of_two_places_is_copied_from() {
    let shared = noise(3, 64);
    let base = [&shared[..], &noise(4, 960), &shared, &noise(5, 1000)].concat();
    let target = [&noise(6, 100)[..], &shared, &noise(5, 1000), &noise(7, 100)].concat();
    assert_eq!(
        stored(&base, &target).ops,
        [Op::Insert { len: 100 }, Op::Copy { from: 1024, len: 1064 }, Op::Insert { len: 100 }]
    );
}

#[test]
fn unrelated_data_is_inserted_as_a_whole() {
    for length in [100, 10_000, 1 << 20] {
        let target = noise(8, length);
        assert_eq!(stored(&noise(9, 1 << 20), &target).ops, [Op::Insert { len: length as u64 }]);
    }
}

#[test]
fn sampling_does_not_miss_a_tenth_that_is_shared() {
    let base = noise(10, 1 << 20);
    for at in [0, 100_000, 777_777, 900_000] {
        let mut target = noise(11, 1 << 20);
        target[at..at + 100_000].copy_from_slice(&base[500_000..600_000]);
        assert_eq!(inserted(&base, &target), target.len() - 100_000, "shared from {at}");
    }
}

#[test]
fn an_index_of_another_state_costs_only_matches() {
    let (base, target) = (messages(0..500), messages(0..501));
    for other in [vec![], noise(12, 10), messages(200..5000)] {
        let ops = diff(&base, &BaseIndex::new(&other), &target);
        assert!(rebuilds(&ops, &literals(&ops, &target), &base, &target));
    }
}

#[test]
fn an_index_takes_little_memory() {
    assert!(BaseIndex::memory_of(0) < 8 << 10);
    assert!(BaseIndex::memory_of(400_000) < 400_000);
    assert!(BaseIndex::memory_of(16 << 20) < 512 << 10);
    assert!(BaseIndex::memory_of(usize::MAX / 2) < 1 << 30);
}

proptest! {
    #[test]
    fn an_edited_state_comes_back(count in 0..120_u64, edits in edits()) {
        let base = messages(0..count);
        let target = edited(&base, &edits);
        inserted(&base, &target);
    }

    #[test]
    fn repetitive_states_come_back(
        base in proptest::collection::vec(0..2_u8, 0..600),
        target in proptest::collection::vec(0..2_u8, 0..600),
    ) {
        inserted(&base, &target);
    }

    #[test]
    fn a_changed_byte_is_noticed(count in 1..60_u64, edits in edits(), at: prop::sample::Index) {
        let base = messages(0..count);
        let target = edited(&base, &edits);
        let delta = stored(&base, &target);
        if !target.is_empty() {
            let mut other = target.clone();
            other[at.index(target.len())] ^= 1;
            prop_assert!(!rebuilds(&delta.ops, &delta.literals, &base, &other));
        }
        if !delta.literals.is_empty() {
            let mut other = delta.literals.to_vec();
            other[at.index(delta.literals.len())] ^= 1;
            prop_assert!(!rebuilds(&delta.ops, &other, &base, &target));
            prop_assert!(!rebuilds(&delta.ops, &other[1..], &base, &target));
        }
        let longer = [&delta.literals[..], b"x"].concat();
        prop_assert!(!rebuilds(&delta.ops, &longer, &base, &target));
        prop_assert!(!rebuilds(&delta.ops, &delta.literals, &base, &[&target[..], b"x"].concat()));
        let beyond = [&delta.ops[..], &[Op::Copy { from: u64::MAX, len: 2 }]].concat();
        prop_assert!(!rebuilds(&beyond, &delta.literals, &base, &target));
    }

    #[test]
    fn a_damaged_delta_is_refused_or_noticed(edits in edits(), at: prop::sample::Index, bit in 0..8_u32) {
        let base = messages(0..60);
        let target = edited(&base, &edits);
        let delta = stored(&base, &target);
        let mut bytes = encode_ops(&delta.ops);
        prop_assume!(!bytes.is_empty());
        bytes[at.index(delta.ops.len())] ^= 1 << bit;
        let literal_len = delta.literals.len() as u64;
        if let Ok(ops) = decode_ops(&bytes, base.len() as u64, delta.length, literal_len) {
            // Other ops may still make the same state, but they are never taken for the ones that were stored.
            prop_assert_ne!(&ops, &delta.ops);
            let layers = [
                Layer { ops: None, literals: &Bytes::from(base.clone()), length: base.len() as u64 },
                Layer { ops: Some(&ops), literals: &delta.literals, length: delta.length },
            ];
            let state = compose(&layers).unwrap();
            prop_assert_eq!(rebuilds(&ops, &delta.literals, &base, &target), state == target);
        }
    }
}
