//! The hash of a state and the check that it is JSON, at the cost of what changed since the state before.
//!
//! Both read a state from its front to its back, and what they know at a byte depends on the bytes before it alone. So
//! either may go on from where it stood at any place up to which the previous state is the same, provided that the
//! bytes are compared, not assumed, to be the same.

mod marks;
mod passes;

use std::thread;

use sha2::Sha256;

use self::marks::Marks;
use crate::validate::Validator;
use crate::{ContentHash, InvalidJson, validate_json};

/// The distance between two checkpoints of a state that is not large, in bytes.
const SPACING: usize = 64 * 1024;

/// What both passes have to read before a second thread takes one of them, in bytes.
const WORTH_A_THREAD: usize = 256 * 1024;

/// What is kept beside a state to check its successor faster.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoints {
    hashers: Marks<Sha256>,
    /// None if the state was not checked to be JSON.
    validators: Marks<Validator>,
}

/// What is known of a state after it was read once.
#[derive(Clone, Debug)]
pub(crate) struct Fingerprint {
    pub(crate) hash: ContentHash,
    pub(crate) checkpoints: Checkpoints,
}

/// Hashes `state` and, if `json`, checks that it is JSON; the verdict is that of [`validate_json`].
///
/// `previous` is a state with the checkpoints that were made of it, in this process. Both passes then read only what
/// follows the last checkpoint in front of the first difference. A large remainder is read by two threads, so this
/// belongs on a thread that may block.
///
/// # Errors
///
/// [`InvalidJson`] with the place of the first offence, if `json`.
pub(crate) fn fingerprint(
    state: &[u8],
    json: bool,
    previous: Option<(&[u8], &Checkpoints)>,
) -> Result<Fingerprint, InvalidJson> {
    fingerprint_spaced(state, json, previous, SPACING, WORTH_A_THREAD)
}

impl Checkpoints {
    /// The memory that the checkpoints take, in bytes. What two states share is counted with each of them.
    pub(crate) fn memory(&self) -> usize {
        let nesting: usize = self.validators.iter().map(Validator::heap_bytes).sum();
        self.hashers.memory() + self.validators.memory() + nesting
    }
}

fn fingerprint_spaced(
    state: &[u8],
    json: bool,
    previous: Option<(&[u8], &Checkpoints)>,
    spacing: usize,
    worth_a_thread: usize,
) -> Result<Fingerprint, InvalidJson> {
    let mut hashers = Marks::new(state.len(), spacing);
    let mut validators = Marks::new(state.len(), spacing);
    let (mut hashed, mut hasher) = (0, Sha256::default());
    let (mut validated, mut validator) = (0, Validator::new());
    if let Some((before, checkpoints)) = previous {
        let shared = common_prefix(before, state);
        if let Some(resumed) = checkpoints.hashers.last_within(shared) {
            (hashed, hasher) = resumed;
            hashers.adopt(&checkpoints.hashers, shared);
        }
        if json && let Some(resumed) = checkpoints.validators.last_within(shared) {
            (validated, validator) = resumed;
            validators.adopt(&checkpoints.validators, shared);
        }
    }

    let hash = || passes::hash(state, hashed, hasher.clone(), hashers.clone());
    if !json {
        let (hash, hashers) = hash();
        return Ok(Fingerprint { hash, checkpoints: Checkpoints { hashers, validators } });
    }
    let validate = || passes::validate(state, validated, validator, validators);
    let worth_it = state.len() - hashed.max(validated) >= worth_a_thread;
    let ((hash, hashers), validators) = if worth_it { both(hash, validate) } else { (hash(), validate()) };
    let validators = match validators {
        Ok(validators) => validators,
        Err(_) => {
            // The one that names the place has the last word.
            validate_json(state)?;
            Marks::new(state.len(), spacing)
        }
    };
    Ok(Fingerprint { hash, checkpoints: Checkpoints { hashers, validators } })
}

/// Does two things at once, or one after the other if the system gives no second thread.
fn both<A: Send, B>(first: impl Fn() -> A + Sync, second: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let spawned = thread::Builder::new().name("hash-state".to_owned()).spawn_scoped(scope, &first);
        let second = second();
        let first = match spawned.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(first)) => first,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => first(),
        };
        (first, second)
    })
}

/// The number of bytes that two states have in common at their fronts.
fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    // Whole blocks are compared as fast as memory is read, and only the last one byte by byte.
    const BLOCK: usize = 4096;
    let blocks = one.chunks(BLOCK).zip(other.chunks(BLOCK)).take_while(|(one, other)| one == other);
    let start = (blocks.count() * BLOCK).min(one.len()).min(other.len());
    start + one[start..].iter().zip(&other[start..]).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests;
