//! The hash of a state and the check that it is JSON, at the cost of what changed since the state before.
//!
//! Both read a state from its front to its back, and what they know at a byte depends on the bytes before it alone. So
//! either may go on from where it stood at any place up to which the previous state is the same, provided that the
//! bytes are compared, not assumed, to be the same. The check may also stop where it stands as it stood in the previous
//! state, if both go on with the same bytes to their ends: it would find what it found there.

mod marks;
mod passes;

use bytes::Bytes;
use sha2::Sha256;

use self::marks::Marks;
use crate::matching::{common_prefix, common_suffix};
use crate::validate::Validator;
use crate::{ContentHash, InvalidJson, validate_json};

/// The distance between two checkpoints of a state that is not large, in bytes.
const SPACING: usize = 64 * 1024;

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

impl Fingerprint {
    /// Joins what the two passes found.
    pub(crate) fn new(hashed: Hashed, validated: Validated) -> Self {
        let checkpoints = Checkpoints { hashers: hashed.marks, validators: validated.marks };
        Self { hash: hashed.hash, checkpoints }
    }
}

impl Checkpoints {
    /// The memory that the checkpoints take, in bytes. What two states share is counted with each of them.
    pub(crate) fn memory(&self) -> usize {
        let nesting: usize = self.validators.iter().map(Validator::heap_bytes).sum();
        self.hashers.memory() + self.validators.memory() + nesting
    }
}

/// The two passes over a state that are to be made. They do not need each other.
///
/// `previous` is a state with the checkpoints that were made of it, in this process. Both passes then read only what
/// follows the last checkpoint in front of the first difference, and the check no more than up to the first one behind
/// the last difference where it stands as before.
pub(crate) fn plan(
    state: &Bytes,
    json: bool,
    previous: Option<(&[u8], &Checkpoints)>,
) -> (HashPass, ValidatePass) {
    plan_spaced(state, json, previous, SPACING)
}

fn plan_spaced(
    state: &Bytes,
    json: bool,
    previous: Option<(&[u8], &Checkpoints)>,
    spacing: usize,
) -> (HashPass, ValidatePass) {
    let mut hash = HashPass {
        state: state.clone(),
        from: 0,
        hasher: Sha256::default(),
        marks: Marks::new(state.len(), spacing),
    };
    let mut validate = ValidatePass {
        state: state.clone(),
        json,
        from: 0,
        validator: Validator::new(),
        marks: Marks::new(state.len(), spacing),
        end: Marks::new(0, spacing),
    };
    if let Some((before, checkpoints)) = previous {
        let shared = common_prefix(before, state);
        if let Some(resumed) = checkpoints.hashers.last_within(shared) {
            (hash.from, hash.hasher) = resumed;
            hash.marks.adopt(&checkpoints.hashers, shared);
        }
        if json && let Some(resumed) = checkpoints.validators.last_within(shared) {
            (validate.from, validate.validator) = resumed;
            validate.marks.adopt(&checkpoints.validators, shared);
        }
        if json && checkpoints.validators.reach_beyond(shared) {
            let tail = common_suffix(&before[shared..], &state[shared..]);
            validate.end = checkpoints.validators.of_end(before.len(), tail, state.len());
        }
    }
    (hash, validate)
}

/// Hashing a state.
pub(crate) struct HashPass {
    state: Bytes,
    from: usize,
    hasher: Sha256,
    marks: Marks<Sha256>,
}

/// What hashing a state gave.
pub(crate) struct Hashed {
    hash: ContentHash,
    marks: Marks<Sha256>,
}

impl HashPass {
    /// How many bytes it has to read.
    pub(crate) fn length(&self) -> usize {
        self.state.len() - self.from
    }

    /// Hashes the state. CPU work.
    pub(crate) fn run(self) -> Hashed {
        let (hash, marks) = passes::hash(&self.state, self.from, self.hasher, self.marks);
        Hashed { hash, marks }
    }
}

/// Checking that a state is JSON, if it has to be.
pub(crate) struct ValidatePass {
    state: Bytes,
    json: bool,
    from: usize,
    validator: Validator,
    marks: Marks<Validator>,
    /// Those of the end that the state shares with the previous one.
    end: Marks<Validator>,
}

/// What checking a state gave.
pub(crate) struct Validated {
    marks: Marks<Validator>,
}

impl ValidatePass {
    /// How many bytes it has to read, if what the states have in common is enclosed by the same as before.
    pub(crate) fn length(&self) -> usize {
        let end = self.end.get(0).map_or(self.state.len(), |(offset, _)| offset);
        if self.json { end - self.from } else { 0 }
    }

    /// Checks the state. CPU work. The verdict is that of [`validate_json`].
    ///
    /// # Errors
    ///
    /// [`InvalidJson`] with the place of the first offence, if the state has to be JSON.
    pub(crate) fn run(self) -> Result<Validated, InvalidJson> {
        if !self.json {
            return Ok(Validated { marks: self.marks });
        }
        let nothing = self.marks.emptied();
        let marks = match passes::validate(&self.state, self.from, self.validator, self.marks, &self.end) {
            Ok(marks) => marks,
            Err(_) => {
                // The one that names the place has the last word.
                validate_json(&self.state)?;
                nothing
            }
        };
        Ok(Validated { marks })
    }
}

#[cfg(test)]
mod tests;
