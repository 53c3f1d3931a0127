//! Where a pass over a state stood at some of its bytes.

use std::sync::Arc;

/// How many marks a state gets at most, about.
const MOST: usize = 256;

/// How many bytes a mark may lie in front of a multiple of the spacing: as many as a character has behind its first.
pub(super) const EARLIER: usize = 3;

/// What a pass knew at about every so many bytes, in order.
#[derive(Clone, Debug)]
pub(super) struct Marks<S> {
    spacing: usize,
    marks: Vec<Mark<S>>,
}

#[derive(Clone, Debug)]
struct Mark<S> {
    /// The number of bytes that the pass had read.
    offset: usize,
    /// States of one session share what was known of what they have in common.
    pass: Arc<S>,
}

impl<S: Clone> Marks<S> {
    /// No marks yet, for a state of this length. The spacing is `finest` or, doubled often enough, what keeps their
    /// number within bounds.
    pub(super) fn new(length: usize, finest: usize) -> Self {
        let mut spacing = finest;
        while length / spacing > MOST {
            spacing *= 2;
        }
        Self { spacing, marks: Vec::new() }
    }

    /// No marks, for the same state.
    pub(super) fn emptied(&self) -> Self {
        Self { spacing: self.spacing, marks: Vec::new() }
    }

    /// The end of the piece that starts at `offset`: where the next mark is due.
    pub(super) fn next(&self, offset: usize) -> usize {
        // A mark that was set early stands for the multiple behind it.
        let due = ((offset + EARLIER) / self.spacing + 1) * self.spacing;
        // One that came with the end of another state may stand anywhere.
        if due - offset < self.spacing / 2 { due + self.spacing } else { due }
    }

    /// Keeps what the pass knows at `offset`, which lies behind every other mark.
    pub(super) fn set(&mut self, offset: usize, pass: S) {
        self.marks.push(Mark { offset, pass: Arc::new(pass) });
    }

    /// The last mark that no more than `shared` bytes lie in front of.
    pub(super) fn last_within(&self, shared: usize) -> Option<(usize, S)> {
        self.within(shared).last().map(|mark| (mark.offset, S::clone(&mark.pass)))
    }

    /// Takes over those marks of another state that belong to what it shares with this one.
    pub(super) fn adopt(&mut self, other: &Self, shared: usize) {
        // The spacing of a state that was smaller was finer.
        let distance = if other.spacing < self.spacing { self.spacing } else { 0 };
        self.take_over(other.within(shared), distance);
    }

    /// The marks of the last `tail` of `length` bytes, at the places that they have in a state of `target` bytes with the
    /// same end.
    pub(super) fn of_end(&self, length: usize, tail: usize, target: usize) -> Self {
        let start = self.marks.partition_point(|mark| mark.offset < length - tail);
        let moved =
            |mark: &Mark<S>| Mark { offset: target - (length - mark.offset), pass: Arc::clone(&mark.pass) };
        Self { spacing: self.spacing, marks: self.marks[start..].iter().map(moved).collect() }
    }

    /// Takes over the marks from number `first` on of an end that is that of this state. Edit after edit may bring them
    /// closer together, so that some are left out.
    pub(super) fn adopt_end(&mut self, end: &Self, first: usize) {
        let distance = if end.spacing < self.spacing { self.spacing } else { self.spacing / 2 };
        self.take_over(end.marks.get(first..).unwrap_or_default(), distance);
    }

    /// Adds marks that are about this far apart at least.
    fn take_over(&mut self, marks: &[Mark<S>], distance: usize) {
        for mark in marks {
            let last = self.marks.last().map_or(0, |last| last.offset);
            if mark.offset + EARLIER >= last + distance {
                self.marks.push(mark.clone());
            }
        }
    }

    /// Whether there are marks behind the first `offset` bytes.
    pub(super) fn reach_beyond(&self, offset: usize) -> bool {
        self.marks.last().is_some_and(|last| last.offset > offset)
    }

    /// A mark by its number, from zero.
    pub(super) fn get(&self, number: usize) -> Option<(usize, &S)> {
        self.marks.get(number).map(|mark| (mark.offset, &*mark.pass))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &S> {
        self.marks.iter().map(|mark| &*mark.pass)
    }

    /// The memory that the marks take, in bytes, without what a pass keeps on the heap.
    pub(super) fn memory(&self) -> usize {
        // An `Arc` keeps two counts beside its value.
        let pass = size_of::<S>() + 2 * size_of::<usize>();
        self.marks.len() * pass + self.marks.capacity() * size_of::<Mark<S>>()
    }

    fn within(&self, shared: usize) -> &[Mark<S>] {
        &self.marks[..self.marks.partition_point(|mark| mark.offset <= shared)]
    }
}
