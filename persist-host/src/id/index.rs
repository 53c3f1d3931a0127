//! The position of a snapshot in its session.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::InvalidId;

/// The highest index: ten decimal digits, the width of an index in a storage key.
pub(crate) const MAX_INDEX: u64 = 9_999_999_999;

/// The position of a snapshot in its session, counted from 0; at most 9,999,999,999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SnapshotIndex(u64);

impl SnapshotIndex {
    /// The index of the first snapshot of every session.
    pub const FIRST: Self = Self(0);

    /// The highest index there can be.
    pub const MAX: Self = Self(MAX_INDEX);

    /// Checks that `value` is in range.
    ///
    /// # Errors
    ///
    /// [`InvalidId::BadIndex`] above [`SnapshotIndex::MAX`].
    pub fn new(value: u64) -> Result<Self, InvalidId> {
        if value > MAX_INDEX {
            return Err(InvalidId::BadIndex { text: value.to_string() });
        }
        Ok(Self(value))
    }

    /// The index as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The index that follows, or `None` after [`SnapshotIndex::MAX`].
    #[must_use]
    pub fn next(self) -> Option<Self> {
        (self.0 < MAX_INDEX).then(|| Self(self.0 + 1))
    }

    /// The index before this one, or `None` for [`SnapshotIndex::FIRST`].
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

impl fmt::Display for SnapshotIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for SnapshotIndex {
    type Err = InvalidId;

    /// Reads decimal digits only: no sign, no space.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bad = || InvalidId::BadIndex { text: text.to_owned() };
        // The number parser would also accept a plus sign.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        text.parse().ok().filter(|value| *value <= MAX_INDEX).map(Self).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold() {
        assert_eq!(SnapshotIndex::FIRST.next().unwrap().get(), 1);
        assert_eq!(SnapshotIndex::FIRST.previous(), None);
        assert_eq!(SnapshotIndex::MAX.next(), None);
        assert!(SnapshotIndex::new(MAX_INDEX).is_ok());
        assert!(SnapshotIndex::new(MAX_INDEX + 1).is_err());
    }

    #[test]
    fn text_is_decimal_digits_only() {
        assert_eq!("17".parse::<SnapshotIndex>().unwrap().to_string(), "17");
        for text in ["", "+1", "-1", " 1", "1 ", "0x1", "1e3", "10000000000", "99999999999999999999999"] {
            assert!(matches!(text.parse::<SnapshotIndex>(), Err(InvalidId::BadIndex { .. })), "{text}");
        }
    }
}
