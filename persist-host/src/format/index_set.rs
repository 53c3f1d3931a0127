//! Sets of snapshot indices, held as ranges: a few bytes may stand for billions of indices.

use std::collections::BTreeMap;

use minicbor::Decoder;

use super::FormatError;
use super::cbor::{self, Fields, WriteResult, Writer};
use crate::SnapshotIndex;

/// A set of snapshot indices that takes memory by its ranges, not by its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexSet {
    /// The first and last index of each range; ranges neither overlap nor touch.
    ranges: BTreeMap<u64, u64>,
}

impl IndexSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `index` is a member.
    #[must_use]
    pub fn contains(&self, index: SnapshotIndex) -> bool {
        self.ranges.range(..=index.get()).next_back().is_some_and(|(_, last)| *last >= index.get())
    }

    /// Adds `index`; returns whether it was not a member before.
    pub fn insert(&mut self, index: SnapshotIndex) -> bool {
        if self.contains(index) {
            return false;
        }
        let index = index.get();
        let mut first = index;
        if let Some((before, last)) = self.ranges.range_mut(..index).next_back()
            && *last + 1 == index
        {
            first = *before;
        }
        let last = self.ranges.remove(&(index + 1)).unwrap_or(index);
        self.ranges.insert(first, last);
        true
    }

    /// Whether `length` indices from `first` on are all members.
    #[must_use]
    pub fn contains_range(&self, first: u64, length: u64) -> bool {
        let Some(last) = length.checked_sub(1).and_then(|more| first.checked_add(more)) else { return false };
        self.ranges.range(..=first).next_back().is_some_and(|(_, end)| *end >= last)
    }

    /// Removes all members below `boundary`.
    pub fn remove_below(&mut self, boundary: u64) {
        let kept = self.ranges.split_off(&boundary);
        let cut = self.ranges.last_key_value().map(|(_, last)| *last).filter(|last| *last >= boundary);
        self.ranges = kept;
        if let Some(last) = cut {
            self.ranges.insert(boundary, last);
        }
    }

    /// Removes the members from `first` to `last`.
    pub fn remove_range(&mut self, first: u64, last: u64) {
        let above = self.ranges.split_off(&first);
        if let Some((_, end)) = self.ranges.iter_mut().next_back()
            && *end >= first
        {
            let end = std::mem::replace(end, first - 1);
            if end > last {
                self.ranges.insert(last + 1, end);
            }
        }
        for (start, end) in above {
            if end > last {
                self.ranges.insert(start.max(last + 1), end);
            }
        }
    }

    /// The members in ascending order; there may be ten thousand million of them.
    pub fn iter(&self) -> impl Iterator<Item = SnapshotIndex> {
        let numbers = self.ranges.iter().flat_map(|(first, last)| *first..=*last);
        numbers.filter_map(|number| SnapshotIndex::new(number).ok())
    }

    /// The lowest member.
    #[must_use]
    pub fn first(&self) -> Option<SnapshotIndex> {
        self.iter().next()
    }

    /// The number of members.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges in ascending order, each as its first index and its length.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(first, last)| (*first, last - first + 1))
    }

    pub(super) fn write(&self, writer: &mut Writer) -> WriteResult {
        writer.array(self.ranges.len() as u64)?;
        for (first, length) in self.ranges() {
            writer.array(2)?.u64(first)?.u64(length)?;
        }
        Ok(())
    }

    pub(super) fn read(fields: &mut Fields<'_, '_>, name: &'static str) -> Result<Self, FormatError> {
        fields.record(name, |decoder| Self::read_from(decoder, name))
    }

    pub(super) fn read_from(decoder: &mut Decoder<'_>, name: &'static str) -> Result<Self, FormatError> {
        let mut ranges = BTreeMap::new();
        let mut free = 0;
        for (first, length) in cbor::read_list(decoder, name, read_range)? {
            let last = length.checked_sub(1).and_then(|more| first.checked_add(more));
            let Some(last) = last.filter(|last| *last <= SnapshotIndex::MAX.get() && first >= free) else {
                return Err(FormatError::corrupt(format!(
                    "its list {name} has the range [{first}, {length}], which is empty, out of range or out of order"
                )));
            };
            ranges.insert(first, last);
            // Touching ranges would have been written as one.
            free = last + 2;
        }
        Ok(Self { ranges })
    }
}

impl Extend<SnapshotIndex> for IndexSet {
    fn extend<I: IntoIterator<Item = SnapshotIndex>>(&mut self, indices: I) {
        for index in indices {
            self.insert(index);
        }
    }
}

impl FromIterator<SnapshotIndex> for IndexSet {
    fn from_iter<I: IntoIterator<Item = SnapshotIndex>>(indices: I) -> Self {
        let mut set = Self::new();
        set.extend(indices);
        set
    }
}

fn read_range(decoder: &mut Decoder<'_>) -> Result<(u64, u64), FormatError> {
    let mut fields = Fields::open(decoder, "range")?;
    let range = (fields.required("start", Decoder::u64)?, fields.required("length", Decoder::u64)?);
    fields.close()?;
    Ok(range)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn index(value: u64) -> SnapshotIndex {
        SnapshotIndex::new(value).unwrap()
    }

    #[test]
    fn neighbours_become_one_range() {
        let set: IndexSet = [5, 3, 4, 9, 0].map(index).into_iter().collect();
        assert_eq!(set.ranges().collect::<Vec<_>>(), [(0, 1), (3, 3), (9, 1)]);
        assert_eq!(set.len(), 5);
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(
            values in proptest::collection::vec(0..40_u64, 0..60),
            gap in (0..40_u64, 0..9_u64),
            boundary in 0..12_u64,
        ) {
            let mut set = IndexSet::new();
            let mut model = BTreeSet::new();
            for value in values {
                prop_assert_eq!(set.insert(index(value)), model.insert(value));
            }
            set.remove_range(gap.0, gap.0 + gap.1);
            model.retain(|value| !(gap.0..=gap.0 + gap.1).contains(value));
            set.remove_below(boundary);
            model.retain(|value| *value >= boundary);
            prop_assert_eq!(set.iter().map(SnapshotIndex::get).collect::<BTreeSet<_>>(), model.clone());
            prop_assert_eq!(set.len(), model.len() as u64);
            prop_assert_eq!(set.is_empty(), model.is_empty());
            for value in 0..41 {
                prop_assert_eq!(set.contains(index(value)), model.contains(&value));
            }
            let ranges: Vec<_> = set.ranges().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 < pair[1].0));
        }
    }
}
