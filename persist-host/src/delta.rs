//! A state as the difference from another one: which bytes to copy from the base, and which to insert.
//!
//! [`diff`] finds the copies anywhere in the base, in any order; [`encode_ops`] and [`decode_ops`] are their stored form;
//! [`compose`] puts a state together from a chain of such differences. Nothing here knows about objects or codecs.

mod compose;
mod diff;
mod gear;
mod index;
mod ops;
mod rebase;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use compose::{ComposeError, Layer, compose, composes};
pub(crate) use diff::diff;
pub(crate) use index::BaseIndex;
pub(crate) use rebase::rebase;
pub(crate) use stored::{decode_ops, encode_ops};

/// One step of a delta. Offsets and lengths are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Takes `len` bytes of the base state, from offset `from`.
    Copy {
        /// Where in the base state.
        from: u64,
        /// How many bytes; more than zero.
        len: u64,
    },
    /// Takes the next `len` bytes of the delta's own literals.
    Insert {
        /// How many bytes; more than zero.
        len: u64,
    },
}

impl Op {
    /// How many bytes of the target the step makes.
    pub(crate) fn len(self) -> u64 {
        let (Self::Copy { len, .. } | Self::Insert { len }) = self;
        len
    }

    /// How many bytes the step takes from the literals.
    pub(crate) fn inserted(self) -> u64 {
        match self {
            Self::Copy { .. } => 0,
            Self::Insert { len } => len,
        }
    }
}

/// The bytes of `target` that `ops` insert, joined. The ops are those that [`diff`] returned for this target.
pub(crate) fn literals(ops: &[Op], target: &[u8]) -> Vec<u8> {
    let inserted: u64 = ops.iter().map(|op| op.inserted()).sum();
    let mut literals = Vec::with_capacity(target.len().min(usize::try_from(inserted).unwrap_or(usize::MAX)));
    let mut at = 0;
    for op in ops {
        if let Op::Insert { len } = *op {
            literals.extend_from_slice(part(target, at, len).unwrap_or_default());
        }
        at += op.len();
    }
    literals
}

/// Whether `ops` and `literals` make exactly `target` from `base`. Compares in place, without building the state.
pub(crate) fn rebuilds(ops: &[Op], literals: &[u8], base: &[u8], target: &[u8]) -> bool {
    let (mut literals, mut target) = (literals, target);
    for op in ops {
        let made = match *op {
            Op::Copy { from, len } => part(base, from, len),
            Op::Insert { len } => take(&mut literals, len),
        };
        let expected = take(&mut target, op.len());
        if made.is_none() || made != expected {
            return false;
        }
    }
    literals.is_empty() && target.is_empty()
}

/// The `len` bytes of `bytes` from offset `from`, if it has them.
fn part(bytes: &[u8], from: u64, len: u64) -> Option<&[u8]> {
    let (from, len) = (usize::try_from(from).ok()?, usize::try_from(len).ok()?);
    bytes.get(from..from.checked_add(len)?)
}

/// Cuts the first `len` bytes off `bytes`, if it has them.
fn take<'a>(bytes: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
    *bytes = rest;
    Some(taken)
}
