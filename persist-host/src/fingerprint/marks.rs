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
    /// States of one session share the marks of what they have in common.
    marks: Vec<Arc<Mark<S>>>,
}

#[derive(Debug)]
struct Mark<S> {
    /// The number of bytes that the pass had read.
    offset: usize,
    pass: S,
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
        ((offset + EARLIER) / self.spacing + 1) * self.spacing
    }

    /// Keeps what the pass knows at `offset`, which lies behind every other mark.
    pub(super) fn set(&mut self, offset: usize, pass: S) {
        self.marks.push(Arc::new(Mark { offset, pass }));
    }

    /// The last mark that no more than `shared` bytes lie in front of.
    pub(super) fn last_within(&self, shared: usize) -> Option<(usize, S)> {
        self.within(shared).last().map(|mark| (mark.offset, mark.pass.clone()))
    }

    /// Takes over those marks of another state that belong to what it shares with this one.
    pub(super) fn adopt(&mut self, other: &Self, shared: usize) {
        let spacing = self.spacing;
        // The spacing of a state that was smaller was finer, by a power of two.
        let due = |mark: &&Arc<Mark<S>>| (mark.offset + EARLIER) % spacing <= EARLIER;
        self.marks.extend(other.within(shared).iter().filter(due).cloned());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &S> {
        self.marks.iter().map(|mark| &mark.pass)
    }

    /// The memory that the marks take, in bytes, without what a pass keeps on the heap.
    pub(super) fn memory(&self) -> usize {
        // An `Arc` keeps two counts beside its value.
        let mark = size_of::<Mark<S>>() + 2 * size_of::<usize>();
        self.marks.len() * mark + self.marks.capacity() * size_of::<Arc<Mark<S>>>()
    }

    fn within(&self, shared: usize) -> &[Arc<Mark<S>>] {
        &self.marks[..self.marks.partition_point(|mark| mark.offset <= shared)]
    }
}
