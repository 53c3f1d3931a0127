//! Strings, which are most of what agents keep.

use super::Refused;

/// How far a string was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Text {
    Plain,
    /// Behind a backslash.
    Escape,
    /// Behind `\u`, with this many hexadecimal digits to come.
    Digits(u8),
    /// Behind the closing quotation mark.
    Closed,
}

impl Text {
    /// Reads on, up to the end of the string or of `rest`.
    #[inline]
    pub(super) fn read(mut self, mut rest: &[u8]) -> Result<(Self, &[u8]), Refused> {
        loop {
            if let Self::Plain = self {
                rest = rest.get(plain_length(rest)..).unwrap_or_default();
                // Most escapes are of one letter, and lie inside the piece.
                if let [b'\\', letter, after @ ..] = rest
                    && is_escape(*letter)
                {
                    rest = after;
                    continue;
                }
            }
            let Some((&byte, after)) = rest.split_first() else {
                return Ok((self, rest));
            };
            self = match (self, byte) {
                (Self::Plain, b'"') => return Ok((Self::Closed, after)),
                (Self::Plain, b'\\') => Self::Escape,
                (Self::Escape, b'u') => Self::Digits(4),
                (Self::Escape, letter) if is_escape(letter) => Self::Plain,
                (Self::Digits(1), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => Self::Plain,
                (Self::Digits(left), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => Self::Digits(left - 1),
                // A control character, or an escape that there is not.
                _ => return Err(Refused),
            };
            rest = after;
        }
    }
}

/// Whether this letter, or mark, makes an escape of its own.
#[inline]
fn is_escape(letter: u8) -> bool {
    matches!(letter, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')
}

/// The number of bytes in front of the first that ends plain text: a quotation mark, a backslash or a control
/// character.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let ends = ends_in(u64::from_le_bytes(*word));
        if ends != 0 {
            return index * 8 + ends.trailing_zeros() as usize / 8;
        }
    }
    let in_tail = tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
    words.len() * 8 + in_tail.unwrap_or(tail.len())
}

/// The bytes that end plain text, among eight: the high bit of each is set.
///
/// A borrow may set bits above the first one too, which is why only the lowest counts.
#[inline]
fn ends_in(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes.wrapping_sub(ONES) & !quotes | backslashes.wrapping_sub(ONES) & !backslashes | controls)
        & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_ends_at_the_first_byte_that_is_not_plain() {
        for end in 0..=255_u8 {
            let plain = !matches!(end, b'"' | b'\\' | 0..=0x1f);
            for length in [0, 1, 7, 8, 9, 16, 23] {
                for other in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff, b'"', 0] {
                    let mut bytes = vec![b'a'; length];
                    bytes.extend([end, if plain { b'a' } else { other }]);
                    bytes.extend([b'a'; 9]);
                    let expected = if plain { bytes.len() } else { length };
                    assert_eq!(plain_length(&bytes), expected, "{bytes:x?}");
                    // The same where every other byte is one that a careless test of words takes for an end.
                    if matches!(other, 0x20..=0xff) && other != b'"' {
                        bytes[..length].fill(other);
                        assert_eq!(plain_length(&bytes), expected, "{bytes:x?}");
                    }
                }
            }
        }
    }
}
