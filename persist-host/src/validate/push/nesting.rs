//! What encloses a place in a JSON text: a stack of one bit a level.

/// The arrays and objects that are open. It grows with them, so nothing but memory limits their depth.
#[derive(Clone, Debug)]
pub(super) struct Nesting {
    /// The innermost levels, the last one lowest; a one is an object.
    word: u64,
    /// The levels further out, 64 a word.
    spilled: Vec<u64>,
    depth: usize,
}

/// Equal where the same levels are open, whatever was left before.
impl PartialEq for Nesting {
    fn eq(&self, other: &Self) -> bool {
        // Above the levels that a word still holds lie bits of levels that were left, or that lie on the stack.
        let held = self.depth - 64 * self.spilled.len();
        let differing = self.word ^ other.word;
        let same_word = held == 0 || differing << (64 - held) == 0;
        self.depth == other.depth && same_word && self.spilled == other.spilled
    }
}

impl Nesting {
    pub(super) fn new() -> Self {
        Self { word: 0, spilled: Vec::new(), depth: 0 }
    }

    /// The bytes that a clone takes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.spilled.len() * size_of::<u64>()
    }

    /// Whether the innermost level is an object; `None` outside every level.
    #[inline]
    pub(super) fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.word & 1 == 1)
    }

    #[inline]
    pub(super) fn enter(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.spilled.push(self.word);
        }
        self.word = self.word << 1 | u64::from(object);
        self.depth += 1;
    }

    /// Leaves the innermost level, if there is one.
    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.word >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            // Every 64 levels that were entered inside this word left it on the stack.
            self.word = self.spilled.pop().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_left_in_the_opposite_order() {
        let kind = |level: usize| level.is_multiple_of(3) || level.is_multiple_of(64);
        for depth in [0, 1, 63, 64, 65, 127, 128, 129, 1000] {
            let mut nesting = Nesting::new();
            for level in 0..depth {
                nesting.enter(kind(level));
                assert_eq!(nesting.innermost(), Some(kind(level)), "{level} of {depth}");
            }
            for level in (0..depth).rev() {
                assert_eq!(nesting.innermost(), Some(kind(level)), "{level} of {depth}");
                nesting.leave();
            }
            assert_eq!(nesting.innermost(), None, "{depth}");
            assert_eq!(nesting.heap_bytes(), 0, "{depth}");
        }
    }

    #[test]
    fn levels_that_were_left_do_not_count() {
        for depth in [0, 1, 2, 63, 64, 65, 66, 127, 128, 129, 200] {
            let mut straight = Nesting::new();
            (0..depth).for_each(|level| straight.enter(level % 3 == 0));
            for detour in [1, 5, 63, 64, 65, 130] {
                let mut around = straight.clone();
                (0..detour).for_each(|_| around.enter(true));
                assert_ne!(around, straight);
                (0..detour).for_each(|_| around.leave());
                assert_eq!(around, straight, "{depth} levels, {detour} more and back");
                let back = detour.min(depth);
                (0..back).for_each(|_| around.leave());
                (depth - back..depth).for_each(|level| around.enter(level % 3 == 0));
                assert_eq!(around, straight, "{depth} levels, {back} fewer and again");
                if depth > 0 {
                    around.leave();
                    around.enter((depth - 1) % 3 != 0);
                    assert_ne!(around, straight, "the innermost of {depth} levels is another");
                }
            }
        }
    }

    #[test]
    fn a_border_between_words_may_be_crossed_again_and_again() {
        let mut nesting = Nesting::new();
        (0..64).for_each(|level| nesting.enter(level == 63));
        for _ in 0..3 {
            nesting.enter(false);
            assert_eq!((nesting.innermost(), nesting.heap_bytes()), (Some(false), 8));
            nesting.leave();
            assert_eq!((nesting.innermost(), nesting.heap_bytes()), (Some(true), 0));
        }
    }
}
