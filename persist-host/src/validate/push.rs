//! A check of JSON's grammar that takes its text piece by piece and can be kept and resumed at any byte.

mod literal;
mod nesting;
mod number;
mod text;

use literal::Literal;
use nesting::Nesting;
use number::Number;
use text::Text;

/// A pushdown automaton for the grammar of RFC 8259.
///
/// What it knows at a byte depends on the bytes before it alone, so a clone may go on with any other text that
/// begins the same. Two that are equal take the same texts from there on. It does not look at the encoding: the caller
/// checks that the text is UTF-8.
///
/// It says no more than yes or no. The place and the reason of an offence come from
/// [`validate_json`](super::validate_json).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Validator {
    expected: Expected,
    nesting: Nesting,
}

/// What no continuation turns into JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Value,
    /// A value or the end of the array: the state behind `[`.
    FirstElement,
    /// A key or the end of the object: the state behind `{`.
    FirstKey,
    Key,
    Colon,
    /// What follows a value: a comma or the end of what encloses it.
    Next,
    /// The rest of a string.
    Text(Role, Text),
    /// The rest of `true`, `false` or `null`.
    Literal(Literal),
    /// The rest of a number, if it has one.
    Number(Number),
}

/// What a string is for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Key,
    Value,
}

impl Validator {
    /// The state in front of a text.
    pub(crate) fn new() -> Self {
        Self { expected: Expected::Value, nesting: Nesting::new() }
    }

    /// The bytes that a clone takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.nesting.heap_bytes()
    }

    /// Reads the next piece of the text.
    ///
    /// # Errors
    ///
    /// [`Refused`] if no text that begins like this is JSON; the validator is of no further use then.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), Refused> {
        let mut rest = piece;
        let mut expected = self.expected;
        while let Some((&byte, after)) = rest.split_first() {
            (expected, rest) = match expected {
                // White space inside a string or a number is no white space.
                Expected::Text(role, text) => role.read(text, rest)?,
                Expected::Number(number) => number.read(rest)?,
                Expected::Literal(literal) => literal.read(rest)?,
                _ if is_space(byte) => (expected, skip_spaces(after)),
                Expected::Next => match (byte, self.nesting.innermost()) {
                    (b',', Some(true)) => (Expected::Key, after),
                    (b',', Some(false)) => (Expected::Value, after),
                    (b'}', Some(true)) | (b']', Some(false)) => self.leave(after),
                    _ => return Err(Refused),
                },
                Expected::Key | Expected::FirstKey if byte == b'"' => Role::Key.read(Text::Plain, after)?,
                Expected::FirstKey if byte == b'}' => self.leave(after),
                Expected::Colon if byte == b':' => (Expected::Value, after),
                Expected::FirstElement if byte == b']' => self.leave(after),
                Expected::Value | Expected::FirstElement => match byte {
                    b'"' => Role::Value.read(Text::Plain, after)?,
                    b'{' => {
                        self.nesting.enter(true);
                        (Expected::FirstKey, after)
                    }
                    b'[' => {
                        self.nesting.enter(false);
                        (Expected::FirstElement, after)
                    }
                    b't' => Literal::TRUE.read(rest)?,
                    b'f' => Literal::FALSE.read(rest)?,
                    b'n' => Literal::NULL.read(rest)?,
                    _ => Number::Start.read(rest)?,
                },
                _ => return Err(Refused),
            };
        }
        self.expected = expected;
        Ok(())
    }

    /// Whether what was read is exactly one value.
    pub(crate) fn is_complete(&self) -> bool {
        let ended = match self.expected {
            Expected::Next => true,
            Expected::Number(number) => number.may_end(),
            _ => false,
        };
        ended && self.nesting.innermost().is_none()
    }

    fn leave<'a>(&mut self, after: &'a [u8]) -> (Expected, &'a [u8]) {
        self.nesting.leave();
        (Expected::Next, after)
    }
}

impl Role {
    #[inline]
    fn read(self, text: Text, rest: &[u8]) -> Result<(Expected, &[u8]), Refused> {
        let (text, rest) = text.read(rest)?;
        let expected = match (text, self) {
            // Nearly every writer puts the colon here, and this saves a turn for each key.
            (Text::Closed, Self::Key) => match rest {
                [b':', b' ', rest @ ..] | [b':', rest @ ..] => return Ok((Expected::Value, rest)),
                _ => Expected::Colon,
            },
            (Text::Closed, Self::Value) => Expected::Next,
            _ => Expected::Text(self, text),
        };
        Ok((expected, rest))
    }
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Skips what indents a line, which may be half of a text: eight spaces at a time.
#[inline]
fn skip_spaces(mut rest: &[u8]) -> &[u8] {
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    while let Some((word, after)) = rest.split_first_chunk() {
        let others = u64::from_le_bytes(*word) ^ SPACES;
        if others != 0 {
            return rest.get(others.trailing_zeros() as usize / 8..).unwrap_or_default();
        }
        rest = after;
    }
    while let [b' ', after @ ..] = rest {
        rest = after;
    }
    rest
}
