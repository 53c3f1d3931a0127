//! Tests of the whole way: from two states to the stored delta, and back through a chain of them.

mod chain;
mod roundtrip;

use std::iter;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// A delta as it is stored.
struct Stored {
    ops: Vec<Op>,
    literals: Bytes,
    length: u64,
}

/// The delta from `base` to `target`, stored and read back.
fn stored(base: &[u8], target: &[u8]) -> Stored {
    let ops = diff(base, &BaseIndex::new(base), target);
    let literals = literals(&ops, target);
    let (base_len, length) = (base.len() as u64, target.len() as u64);
    let read = decode_ops(&encode_ops(&ops), base_len, length, literals.len() as u64).unwrap();
    assert_eq!(read, ops);
    Stored { ops, literals: literals.into(), length }
}

/// The newest state of a chain that starts from the whole state `first`.
fn composed(first: &Bytes, deltas: &[Stored]) -> Bytes {
    let mut layers = vec![Layer { ops: None, literals: first, length: first.len() as u64 }];
    for delta in deltas {
        layers.push(Layer { ops: Some(&delta.ops), literals: &delta.literals, length: delta.length });
    }
    let state = compose(&layers).unwrap();
    assert!(composes(&layers, &state).unwrap());
    for other in [&state[..state.len().saturating_sub(1)], &[&state[..], b"x"].concat()] {
        assert!(other == state || !composes(&layers, other).unwrap(), "another length");
    }
    let mut other = state.to_vec();
    let middle = other.len() / 2;
    if let Some(byte) = other.get_mut(middle) {
        *byte ^= 1;
        assert!(!composes(&layers, &other).unwrap(), "another byte");
    }
    state
}

/// Bytes that look random and are the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    iter::repeat_with(next).take(length).collect()
}

/// A list of messages, as an agent's state would have it.
fn messages(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let list: Vec<String> = numbers
        .into_iter()
        .map(|number| {
            let text = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            format!(r#"{{"role":"tool","id":{number},"content":"the file has {text} lines, {text:x} of them new"}}"#)
        })
        .collect();
    format!(r#"{{"model":"m","messages":[{}]}}"#, list.join(",")).into_bytes()
}

/// One change to a state. Positions are relative to its length.
#[derive(Clone, Debug)]
enum Edit {
    Insert { at: prop::sample::Index, bytes: Vec<u8> },
    Delete { at: prop::sample::Index, len: usize },
    Flip { at: prop::sample::Index },
    Move { from: prop::sample::Index, len: usize, to: prop::sample::Index },
    Repeat { from: prop::sample::Index, len: usize },
    Replace { bytes: Vec<u8> },
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<prop::sample::Index>;
    let bytes = |most| proptest::collection::vec(any::<u8>(), 0..most);
    let edit = prop_oneof![
        4 => (at(), bytes(80)).prop_map(|(at, bytes)| Edit::Insert { at, bytes }),
        4 => (at(), 1..400_usize).prop_map(|(at, len)| Edit::Delete { at, len }),
        4 => at().prop_map(|at| Edit::Flip { at }),
        4 => (at(), 1..3000_usize, at()).prop_map(|(from, len, to)| Edit::Move { from, len, to }),
        2 => (at(), 1..3000_usize).prop_map(|(from, len)| Edit::Repeat { from, len }),
        1 => bytes(300).prop_map(|bytes| Edit::Replace { bytes }),
    ];
    proptest::collection::vec(edit, 0..12)
}

fn edited(state: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut state = state.to_vec();
    for edit in edits {
        let place = |at: &prop::sample::Index, state: &[u8]| at.index(state.len() + 1);
        match edit {
            Edit::Insert { at, bytes } => {
                let at = place(at, &state);
                state.splice(at..at, bytes.iter().copied());
            }
            Edit::Delete { at, len } => {
                let at = place(at, &state);
                state.drain(at..state.len().min(at + len));
            }
            Edit::Flip { at } => {
                let at = place(at, &state);
                if let Some(byte) = state.get_mut(at) {
                    *byte ^= 0x15;
                }
            }
            Edit::Move { from, len, to } => {
                let from = place(from, &state);
                let moved: Vec<u8> = state.drain(from..state.len().min(from + len)).collect();
                let to = place(to, &state);
                state.splice(to..to, moved);
            }
            Edit::Repeat { from, len } => {
                let from = place(from, &state);
                state.extend_from_within(from..state.len().min(from + len));
            }
            Edit::Replace { bytes } => state.clone_from(bytes),
        }
    }
    state
}
