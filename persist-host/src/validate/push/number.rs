//! Numbers, whose end is known only by what follows them.

use super::{Expected, Refused};

/// How far a number was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Start,
    Minus,
    /// Behind a leading zero, which no digit may follow.
    Zero,
    Whole,
    Point,
    Fraction,
    /// Behind the letter of an exponent.
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// Reads on, up to the first byte that does not belong to the number.
    #[inline]
    pub(super) fn read(mut self, mut rest: &[u8]) -> Result<(Expected, &[u8]), Refused> {
        while let Some((&byte, after)) = rest.split_first() {
            self = match (self, byte) {
                (Self::Whole, b'0'..=b'9') | (Self::Start | Self::Minus, b'1'..=b'9') => Self::Whole,
                (Self::Fraction | Self::Point, b'0'..=b'9') => Self::Fraction,
                (Self::Start, b'-') => Self::Minus,
                (Self::Start | Self::Minus, b'0') => Self::Zero,
                (Self::Whole | Self::Zero, b'.') => Self::Point,
                (Self::Whole | Self::Zero | Self::Fraction, b'e' | b'E') => Self::Exponent,
                (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
                (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                    Self::ExponentDigits
                }
                _ if self.may_end() => return Ok((Expected::Next, rest)),
                _ => return Err(Refused),
            };
            rest = after;
        }
        Ok((Expected::Number(self), rest))
    }

    /// Whether what was read is a number.
    #[inline]
    pub(super) fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::ExponentDigits)
    }
}
