//! The two passes over a state. Each goes on from a mark and sets further ones.

use sha2::{Digest as _, Sha256};

use super::marks::{EARLIER, Marks};
use crate::ContentHash;
use crate::validate::{Refused, Validator};

/// What the nesting may take at a mark, in bytes. Deeper places get no mark, so that no state costs much to keep.
const NESTING: usize = 4096;

/// Hashes what follows the first `offset` bytes of `state`.
pub(super) fn hash(
    state: &[u8],
    mut offset: usize,
    mut hasher: Sha256,
    mut marks: Marks<Sha256>,
) -> (ContentHash, Marks<Sha256>) {
    while let end = marks.next(offset)
        && let Some(piece) = state.get(offset..end)
    {
        hasher.update(piece);
        marks.set(end, hasher.clone());
        offset = end;
    }
    hasher.update(&state[offset..]);
    (ContentHash(hasher.finalize().into()), marks)
}

/// Checks what follows the first `offset` bytes of `state`, and that a value ends with it.
///
/// `end` are the marks of a checked state that ends with the same bytes: where the validator stands as it stood there, it
/// would go on to the end as it did there.
///
/// # Errors
///
/// [`Refused`] if `state` is not JSON in UTF-8.
pub(super) fn validate(
    state: &[u8],
    mut offset: usize,
    mut validator: Validator,
    mut marks: Marks<Validator>,
    end: &Marks<Validator>,
) -> Result<Marks<Validator>, Refused> {
    let mut due = marks.next(offset);
    let mut ahead = 0;
    loop {
        let here = boundary(state, due);
        match (here, end.get(ahead)) {
            (_, Some((met, there))) if here.is_none_or(|here| met <= here) => {
                feed(&mut validator, &state[offset..met])?;
                offset = met;
                if validator == *there {
                    marks.adopt_end(end, ahead);
                    return Ok(marks);
                }
                ahead += 1;
            }
            (Some(here), _) => {
                feed(&mut validator, &state[offset..here])?;
                offset = here;
                if validator.heap_bytes() <= NESTING {
                    marks.set(here, validator.clone());
                }
                due = marks.next(here);
            }
            (None, _) => break,
        }
    }
    feed(&mut validator, &state[offset..])?;
    if validator.is_complete() { Ok(marks) } else { Err(Refused) }
}

/// Feeds a piece that starts and ends between two characters.
fn feed(validator: &mut Validator, piece: &[u8]) -> Result<(), Refused> {
    simdutf8::basic::from_utf8(piece).map_err(|_| Refused)?;
    validator.feed(piece)
}

/// The last place up to `end` that is not inside a character; `None` behind the end of the state.
///
/// More than three continuation bytes in a row are no UTF-8, wherever they are cut.
fn boundary(state: &[u8], end: usize) -> Option<usize> {
    let early =
        (0..EARLIER).take_while(|early| state.get(end - early).is_some_and(|byte| byte & 0xc0 == 0x80));
    (end <= state.len()).then(|| end - early.count())
}
