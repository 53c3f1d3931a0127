//! What changed between two states: JSON by its values, anything else by its bytes.
//!
//! Values are compared as they are written. A number is its text, so that `1.0` and `1.00` differ; a string is its
//! characters, however they are escaped; white space and the order of an object's members mean nothing. An object whose
//! members a path cannot name one by one, because a key is repeated or is no Unicode text, is compared as a whole, so
//! that none of its members is lost.

mod patch;
mod raw;
mod sequence;
mod tree;
mod walk;

use crate::{InvalidJson, validate_json};

pub use raw::{RawDifference, raw_difference};

/// What changed between two JSON texts, the old and the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference<'a> {
    /// The changes, each in the value that those before it leave behind: within an array from its start on.
    pub changes: Vec<Change<'a>>,
    /// Whether the two texts are equal byte for byte. Without a change they may still differ in white space, in the
    /// order of members, or in how characters are escaped.
    pub same_bytes: bool,
}

/// A value that was added, removed or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change<'a> {
    /// Where, as a JSON Pointer (RFC 6901) into the value that the changes before this one leave behind. For added and
    /// changed values that is also their place in the new text.
    pub path: String,
    /// The place of the removed or changed value in the old text, where it is another one: what comes before it in an
    /// array has changed in number.
    pub old_path: Option<String>,
    /// What happened there.
    pub edit: Edit<'a>,
}

/// What happened to a value. The texts are those of the source, so that numbers keep every digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// The value is new.
    Added(&'a str),
    /// The value is gone.
    Removed(&'a str),
    /// Another value stands in its place.
    Changed {
        /// The value before.
        old: &'a str,
        /// The value after.
        new: &'a str,
        /// Why the values, though both objects or both arrays, are not compared member by member.
        whole: Option<Whole>,
    },
}

/// Why an object or array counts as one changed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whole {
    /// A key is repeated or is no Unicode text, so that no path names each of the members.
    AmbiguousKeys,
    /// A list of the changes inside would be much longer than the texts themselves.
    TooManyChanges,
}

/// One of the two texts of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first text.
    Old,
    /// The second text.
    New,
}

/// Why two texts cannot be compared as JSON. [`raw_difference`] compares anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DifferenceError {
    /// A text is not JSON.
    #[error("the {side} state is not JSON")]
    NotJson {
        /// Which text.
        side: Side,
        /// What is wrong with it.
        #[source]
        source: InvalidJson,
    },
    /// A text is too long to be compared by its values.
    #[error("the {side} state has {length} bytes, and JSON is compared up to {} bytes", u32::MAX)]
    TooLong {
        /// Which text.
        side: Side,
        /// Its length in bytes.
        length: usize,
    },
}

impl std::fmt::Display for Side {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Old => "old",
            Self::New => "new",
        })
    }
}

/// Compares two JSON texts by their values.
///
/// Arrays are aligned, so that an element inserted in the middle is one added value; only where more than 200,000
/// elements lie between what they have in common at both ends are elements compared by position. The work is about linear in the
/// texts' lengths, nesting takes no stack, and the list of changes is bounded: where it would be much longer than the
/// texts, the innermost object or array that holds too many of them is one change. While it works it takes 32 bytes of
/// memory for each value and key in the texts, usually less than the texts themselves.
///
/// # Errors
///
/// [`DifferenceError`] when a text is not JSON, or longer than 4 GiB.
pub fn difference<'a>(old: &'a [u8], new: &'a [u8]) -> Result<Difference<'a>, DifferenceError> {
    let old_text = json_text(Side::Old, old)?;
    let new_text = json_text(Side::New, new)?;
    let same_bytes = old == new;
    if same_bytes {
        return Ok(Difference { changes: Vec::new(), same_bytes });
    }
    let hashing = tree::Hashing::new();
    let (old, new) = (tree::Tree::new(old_text, &hashing), tree::Tree::new(new_text, &hashing));
    Ok(Difference { changes: walk::changes(&old, &new, walk::budget(old_text, new_text)), same_bytes })
}

impl Difference<'_> {
    /// The changes as a JSON Patch (RFC 6902) on one line: applied to the old value it gives the new one, numbers to
    /// the last digit. It consists of the operations `add`, `remove` and `replace`, and is `[]` for equal values.
    #[must_use]
    pub fn to_json_patch(&self) -> String {
        patch::json_patch(&self.changes)
    }

    /// How many values were added, removed and changed.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for change in &self.changes {
            match change.edit {
                Edit::Added(_) => counts[0] += 1,
                Edit::Removed(_) => counts[1] += 1,
                Edit::Changed { .. } => counts[2] += 1,
            }
        }
        counts
    }
}

fn json_text(side: Side, state: &[u8]) -> Result<&str, DifferenceError> {
    if u32::try_from(state.len()).is_err() {
        return Err(DifferenceError::TooLong { side, length: state.len() });
    }
    validate_json(state).map_err(|source| DifferenceError::NotJson { side, source })?;
    simdutf8::basic::from_utf8(state).map_err(|_| DifferenceError::NotJson {
        side,
        source: InvalidJson { line: 1, column: 1, offset: 0, reason: "the text is not UTF-8".to_owned() },
    })
}

#[cfg(test)]
mod tests;
