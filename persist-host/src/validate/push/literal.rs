//! The three words.

use super::{Expected, Refused};

/// The words, each closed by a comma.
const WORDS: &[u8] = b"true,false,null,";

/// How far a word was read: where the rest of it starts in [`WORDS`].
///
/// One byte tells it, which keeps the state of a validator small and fast to hand on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Literal(u8);

impl Literal {
    pub(super) const TRUE: Self = Self(0);
    pub(super) const FALSE: Self = Self(5);
    pub(super) const NULL: Self = Self(11);

    /// Reads on, up to the end of the word or of `rest`.
    #[inline]
    pub(super) fn read(mut self, mut rest: &[u8]) -> Result<(Expected, &[u8]), Refused> {
        loop {
            let missing = WORDS.get(usize::from(self.0)).filter(|byte| **byte != b',');
            rest = match (missing, rest.split_first()) {
                (None, _) => return Ok((Expected::Next, rest)),
                (Some(_), None) => return Ok((Expected::Literal(self), rest)),
                (Some(missing), Some((byte, after))) if missing == byte => after,
                _ => return Err(Refused),
            };
            self.0 += 1;
        }
    }
}
