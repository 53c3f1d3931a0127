//! Chains give the newest state back, whatever their ops are, in bounded memory.

use super::*;

fn copies(pieces: impl IntoIterator<Item = (u64, u64)>) -> Stored {
    let ops: Vec<Op> = pieces.into_iter().map(|(from, len)| Op::Copy { from, len }).collect();
    let length = ops.iter().map(|op| op.len()).sum();
    Stored { ops, literals: Bytes::new(), length }
}

/// What applying each delta to the whole state before it gives.
fn applied(first: &[u8], deltas: &[Stored]) -> Vec<u8> {
    deltas.iter().fold(first.to_vec(), |base, delta| {
        let mut literals = &delta.literals[..];
        let mut state = Vec::new();
        for op in &delta.ops {
            match *op {
                Op::Copy { from, len } => state.extend_from_slice(&base[from as usize..][..len as usize]),
                Op::Insert { len } => {
                    state.extend_from_slice(&literals[..len as usize]);
                    literals = &literals[len as usize..];
                }
            }
        }
        state
    })
}

#[test]
fn a_state_without_deltas_is_its_literals() {
    let whole = Bytes::from(noise(1, 1000));
    let state = composed(&whole, &[]);
    assert_eq!(state, whole);
    assert_eq!(state.as_ptr(), whole.as_ptr(), "it is not a copy");
    assert_eq!(compose(&[]).unwrap(), Bytes::new());
    assert_eq!(composed(&Bytes::new(), &[]), Bytes::new());
}

#[test]
fn a_state_in_one_piece_is_not_copied() {
    let whole = Bytes::from(noise(2, 1000));
    let state = composed(&whole, &[copies([(0, 500), (500, 500)]), copies([(100, 300), (400, 300)])]);
    assert_eq!(state, whole[100..700]);
    assert_eq!(state.as_ptr(), whole[100..].as_ptr());
}

#[test]
fn a_full_layer_hides_those_before_it() {
    let (first, second) = (Bytes::from(noise(3, 50)), Bytes::from(noise(4, 60)));
    let delta = stored(&second, &second[10..]);
    let layers = [
        Layer { ops: None, literals: &first, length: 50 },
        Layer { ops: None, literals: &second, length: 60 },
        Layer { ops: Some(&delta.ops), literals: &delta.literals, length: delta.length },
    ];
    assert_eq!(compose(&layers).unwrap(), second[10..]);
}

#[test]
fn shuffled_pieces_are_followed_through_many_layers() {
    let whole = Bytes::from(noise(5, 64_000));
    let deltas: Vec<Stored> = (0..12)
        .map(|layer| {
            // A multiplier prime to 1000 visits each piece once.
            copies((0..1000).map(|piece| (piece * [7, 333, 601, 999][layer % 4] % 1000 * 64, 64)))
        })
        .collect();
    assert_eq!(composed(&whole, &deltas), applied(&whole, &deltas));
}

#[test]
fn a_state_that_repeats_itself_is_built_once_and_copied() {
    let whole = Bytes::from(noise(6, 3000));
    let shuffled = |multiplier: u64| copies((0..1000).map(move |piece| (piece * multiplier % 1000 * 3, 3)));
    // 200 times 1000 pieces, and each of them once more: far beyond the extents that are followed.
    let twice = copies((0..200).map(|_| (0, 3000)).chain([(1, 599_999)]));
    let deltas = [shuffled(7), shuffled(333), copies((0..200).map(|_| (0, 3000))), twice, shuffled(601)];
    assert_eq!(composed(&whole, &deltas), applied(&whole, &deltas));
}

#[test]
fn states_that_are_not_asked_for_are_never_built() {
    // Each layer is 100 times as long as the one before: the last but one has 10^18 bytes.
    let whole = Bytes::from(noise(7, 100));
    let mut deltas: Vec<Stored> =
        (1..9).map(|layer| copies((0..100).map(|_| (0, 100_u64.pow(layer))))).collect();
    deltas.push(copies([(123_456_789, 1000), (1, 99), (987_654_321_987_654_300, 70)]));
    let expected: Vec<u8> = (89..1089).chain(1..100).chain(0..70).map(|at| whole[at % 100]).collect();
    assert_eq!(composed(&whole, &deltas), expected);
}

#[test]
fn a_state_beyond_all_memory_is_refused_before_anything_is_built() {
    let whole = Bytes::from_static(b"a");
    // Each layer is 2^14 times as long as the one before, which is more than an address can be in the end.
    let deltas: Vec<Stored> =
        (0..4).map(|layer| copies((0..1 << 14).map(|_| (0, 1 << (14 * layer))))).collect();
    let mut layers = vec![Layer { ops: None, literals: &whole, length: 1 }];
    for delta in &deltas {
        layers.push(Layer { ops: Some(&delta.ops), literals: &delta.literals, length: delta.length });
    }
    let error = compose(&layers).unwrap_err();
    assert!(matches!(error, ComposeError::OutOfMemory { length, .. } if length == 1 << 56), "{error}");
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let (whole, more, empty) = (Bytes::from_static(b"0123456789"), Bytes::from_static(b"ab"), Bytes::new());
    let copy = |from, len| [Op::Copy { from, len }];
    let misfit = |first: u64, ops: &[Op], literals: &Bytes, length: u64| {
        let layers = [
            Layer { ops: None, literals: &whole, length: first },
            Layer { ops: Some(ops), literals, length },
        ];
        match compose(&layers) {
            Err(ComposeError::Misfit { layer }) => layer,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(misfit(10, &copy(1, 10), &empty, 10), 1);
    assert_eq!(misfit(10, &copy(u64::MAX, 1), &empty, 1), 1);
    assert_eq!(misfit(10, &copy(u64::MAX, 2), &empty, 2), 1);
    assert_eq!(misfit(10, &copy(0, 5), &empty, 6), 1);
    assert_eq!(misfit(10, &copy(0, 5), &more, 5), 1);
    assert_eq!(misfit(10, &[Op::Insert { len: 3 }], &more, 3), 1);
    assert_eq!(misfit(10, &[Op::Insert { len: u64::MAX }, Op::Insert { len: 3 }], &more, 2), 1);
    assert_eq!(misfit(11, &copy(0, 5), &empty, 5), 0);

    let baseless = [Layer { ops: Some(&copy(0, 5)), literals: &empty, length: 5 }];
    assert!(matches!(compose(&baseless), Err(ComposeError::Misfit { layer: 0 })));
}

/// Ops of any kind for a base of `base_len` bytes.
fn hostile(base_len: u64, pieces: &[(u16, u16, bool)]) -> Stored {
    let mut literals = Vec::new();
    let mut ops = Vec::new();
    for (from, len, copy) in pieces {
        let (from, len) = (u64::from(*from), u64::from(*len));
        if *copy && base_len > 0 {
            let from = from % base_len;
            ops.push(Op::Copy { from, len: (len % 700 + 1).min(base_len - from) });
        } else {
            literals.extend(noise(from + len, len as usize % 9 + 1));
            ops.push(Op::Insert { len: len % 9 + 1 });
        }
    }
    let length = ops.iter().map(|op| op.len()).sum();
    Stored { ops, literals: literals.into(), length }
}

proptest! {
    #[test]
    fn edited_states_come_back(
        count in 0..60_u64,
        steps in proptest::collection::vec(edits(), 1..8),
    ) {
        let first = Bytes::from(messages(0..count));
        let mut state = first.to_vec();
        let mut deltas = Vec::new();
        for edits in &steps {
            let next = edited(&state, edits);
            deltas.push(stored(&state, &next));
            state = next;
            prop_assert_eq!(&composed(&first, &deltas), &state);
        }
    }

    #[test]
    fn any_ops_that_fit_are_applied(
        layers in proptest::collection::vec(
            proptest::collection::vec(any::<(u16, u16, bool)>(), 0..40), 1..8),
    ) {
        let first = Bytes::from(noise(8, 500));
        let mut deltas: Vec<Stored> = Vec::new();
        for pieces in &layers {
            let base_len = deltas.last().map_or(500, |delta| delta.length);
            deltas.push(hostile(base_len, pieces));
        }
        prop_assert_eq!(composed(&first, &deltas), applied(&first, &deltas));
    }

    /// However many of the newest deltas one delta replaces, it makes the same state.
    #[test]
    fn a_delta_that_replaces_others_makes_the_same_state(
        count in 0..60_u64,
        steps in proptest::collection::vec(edits(), 1..8),
        kept: prop::sample::Index,
    ) {
        let mut states = vec![messages(0..count)];
        for edits in &steps {
            states.push(edited(&states[states.len() - 1], edits));
        }
        let deltas: Vec<Stored> = states.windows(2).map(|pair| stored(&pair[0], &pair[1])).collect();
        let (newest, older) = deltas.split_last().unwrap();
        let below = kept.index(deltas.len());
        let above: Vec<Layer<'_>> = older[below..]
            .iter()
            .map(|delta| Layer { ops: Some(&delta.ops), literals: &delta.literals, length: delta.length })
            .collect();
        let target = &states[states.len() - 1];
        let ops = rebase(&above, &newest.ops).unwrap();
        prop_assert!(rebuilds(&ops, &literals(&ops, target), &states[below], target));
    }
}

#[test]
fn a_delta_that_repeats_too_much_replaces_none() {
    let whole = Bytes::from(noise(7, 3000));
    let pieces = copies((0..1000).map(|piece| (piece * 7 % 1000 * 3, 3)));
    let above = [Layer { ops: Some(&pieces.ops), literals: &pieces.literals, length: whole.len() as u64 }];
    let often = |times: usize| vec![Op::Copy { from: 0, len: 3000 }; times];
    assert!(rebase(&above, &often(60)).is_some());
    assert!(rebase(&above, &often(70)).is_none());
    assert!(rebase(&above, &[Op::Copy { from: 1, len: 3000 }]).is_none(), "beyond the end of the state");
}
