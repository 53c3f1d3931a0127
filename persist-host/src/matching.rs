//! How far two byte strings agree. Long agreement is compared in blocks, which runs at the speed of memory.

/// The unit of fast comparison.
const BLOCK: usize = 512;

/// How many bytes `left` and `right` have in common at their starts.
pub(crate) fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    let blocks = left.chunks_exact(BLOCK).zip(right.chunks_exact(BLOCK));
    let mut length = blocks.take_while(|(left, right)| left == right).count() * BLOCK;
    let (left, right) = (&left[length..], &right[length..]);
    for (left, right) in left.chunks_exact(8).zip(right.chunks_exact(8)) {
        let differing = word(left) ^ word(right);
        if differing != 0 {
            return length + (differing.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    let tail = length % BLOCK;
    length + left.iter().zip(right).skip(tail).take_while(|(left, right)| left == right).count()
}

/// How many bytes `left` and `right` have in common at their ends.
pub(crate) fn common_suffix(left: &[u8], right: &[u8]) -> usize {
    let blocks = left.rchunks_exact(BLOCK).zip(right.rchunks_exact(BLOCK));
    let mut length = blocks.take_while(|(left, right)| left == right).count() * BLOCK;
    let (left, right) = (&left[..left.len() - length], &right[..right.len() - length]);
    for (left, right) in left.rchunks_exact(8).zip(right.rchunks_exact(8)) {
        let differing = word(left) ^ word(right);
        if differing != 0 {
            return length + (differing.leading_zeros() / 8) as usize;
        }
        length += 8;
    }
    let tail = length % BLOCK;
    let rest = left.iter().rev().zip(right.iter().rev()).skip(tail);
    length + rest.take_while(|(left, right)| left == right).count()
}

/// Eight bytes as a number whose low bits are the first byte.
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_length_of_agreement() {
        for length in (0..40).chain(500..540).chain(1020..1060) {
            for more in [0, 1, 7, 8, 9, 600] {
                let mut left = vec![7; length];
                let mut right = left.clone();
                left.extend(vec![1; more]);
                right.extend(vec![2; more.saturating_sub(1)]);
                assert_eq!(common_prefix(&left, &right), length, "{length} equal, {more} more");
                left.reverse();
                right.reverse();
                assert_eq!(common_suffix(&left, &right), length, "{length} equal, {more} more");
            }
        }
    }
}
