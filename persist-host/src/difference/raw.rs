//! The comparison of states that are just bytes.

use crate::matching::{common_prefix, common_suffix};

/// Where two states differ as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawDifference {
    /// The number of bytes that both states begin with.
    pub common_prefix: u64,
    /// The number of bytes that both states end with, not counting those of the prefix.
    pub common_suffix: u64,
    /// The offset of the first byte that differs or that only one state has; `None` for equal states.
    pub first_difference: Option<u64>,
}

/// Compares two states byte by byte.
#[must_use]
pub fn raw_difference(old: &[u8], new: &[u8]) -> RawDifference {
    let prefix = common_prefix(old, new);
    // The prefix is no longer than either state.
    let (old_rest, new_rest) = (&old[prefix..], &new[prefix..]);
    let suffix = common_suffix(old_rest, new_rest);
    let differs = !(old_rest.is_empty() && new_rest.is_empty());
    RawDifference {
        common_prefix: prefix as u64,
        common_suffix: suffix as u64,
        first_difference: differs.then_some(prefix as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_and_suffix_never_overlap() {
        let cases: [(&str, &str, u64, u64, Option<u64>); 6] = [
            ("", "", 0, 0, None),
            ("abc", "abc", 3, 0, None),
            ("abc", "abXc", 2, 1, Some(2)),
            ("aa", "aaa", 2, 0, Some(2)),
            ("abcab", "ab", 2, 0, Some(2)),
            ("xbc", "ybc", 0, 2, Some(0)),
        ];
        for (old, new, prefix, suffix, first) in cases {
            let found = raw_difference(old.as_bytes(), new.as_bytes());
            assert_eq!(
                (found.common_prefix, found.common_suffix, found.first_difference),
                (prefix, suffix, first),
                "{old:?} {new:?}"
            );
        }
    }
}
