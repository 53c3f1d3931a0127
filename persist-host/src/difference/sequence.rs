//! The alignment of two arrays.

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// The most elements that are aligned, of both arrays together and without what they have in common at their ends.
/// Beyond it they are paired as they stand: the worst case of the search grows faster than the arrays.
const MAX_ALIGNED: usize = 200_000;

/// A stretch of the old array in whose place a stretch of the new one stands; one of them may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) old_start: usize,
    pub(super) old_length: usize,
    pub(super) new_start: usize,
    pub(super) new_length: usize,
}

/// What must be replaced in `old` to make `new` of it, from the start on. Elements are given by their hashes.
pub(super) fn align(old: &[u128], new: &[u128]) -> Vec<Replaced> {
    let prefix = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[prefix..], &new[prefix..]);
    let suffix = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - suffix], &new[..new.len() - suffix]);
    if old.is_empty() && new.is_empty() {
        return Vec::new();
    }
    if old.is_empty() || new.is_empty() || old.len() + new.len() > MAX_ALIGNED {
        return vec![Replaced {
            old_start: prefix,
            old_length: old.len(),
            new_start: prefix,
            new_length: new.len(),
        }];
    }
    // Where a search for the shortest list would take too long, the library settles for a longer one.
    let operations = capture_diff_slices(Algorithm::Myers, old, new);
    operations.into_iter().filter_map(|operation| replaced(operation, prefix)).collect()
}

fn replaced(operation: DiffOp, offset: usize) -> Option<Replaced> {
    if let DiffOp::Equal { .. } = operation {
        return None;
    }
    let (old, new) = (operation.old_range(), operation.new_range());
    Some(Replaced {
        old_start: old.start + offset,
        old_length: old.len(),
        new_start: new.start + offset,
        new_length: new.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(old_start: usize, old_length: usize, new_start: usize, new_length: usize) -> Replaced {
        Replaced { old_start, old_length, new_start, new_length }
    }

    #[test]
    fn insertions_and_removals_are_found_where_they_are() {
        let numbers = |range: std::ops::Range<u128>| range.collect::<Vec<_>>();
        let old = numbers(0..1000);
        let mut new = old.clone();
        new.insert(500, 7777);
        new.remove(900);
        new[3] = 8888;
        assert_eq!(
            align(&old, &new),
            [replaced(3, 1, 3, 1), replaced(500, 0, 500, 1), replaced(899, 1, 900, 0)]
        );
        assert_eq!(align(&old, &old), []);
        assert_eq!(align(&old, &old[..999]), [replaced(999, 1, 999, 0)]);
        assert_eq!(align(&[], &[1]), [replaced(0, 0, 0, 1)]);
    }

    #[test]
    fn hostile_arrays_are_aligned_on_a_small_stack() {
        let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(|| {
            // Few different elements in no order, which have long common subsequences and no unique anchors.
            let mut seed = 1_u64;
            let mut random = move || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                u128::from(seed >> 62)
            };
            let old: Vec<u128> = (0..30_000).map(|_| random()).collect();
            let new: Vec<u128> = (0..30_000).map(|_| random()).collect();
            let mut rebuilt = old.clone();
            for part in align(&old, &new).into_iter().rev() {
                let replacement = new[part.new_start..part.new_start + part.new_length].iter().copied();
                rebuilt.splice(part.old_start..part.old_start + part.old_length, replacement);
            }
            assert_eq!(rebuilt, new);
            let reversed: Vec<u128> = (0..100_000).rev().collect();
            assert!(!align(&(0..100_000).collect::<Vec<_>>(), &reversed).is_empty());
        });
        thread.unwrap().join().unwrap();
    }
}
