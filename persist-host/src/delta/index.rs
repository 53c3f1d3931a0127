//! Where the base state's content is: a sparse index of its windows.

use super::gear::{self, WINDOW};

/// How many windows are indexed at least, where the state has them; the distance between them grows with the state.
const FULL_DENSITY: usize = 32 << 10;

/// The narrowest distance between indexed windows. Half of it would find 1 % more and cost twice as much.
const MIN_STRIDE: usize = 16;

/// The widest distance between indexed windows. A copy shorter than distance and window together may go unnoticed.
const MAX_STRIDE: usize = 512;

/// How many places a window may be put in: this many windows of one hash are known.
const PROBES: usize = 4;

/// The bits of a table entry that hold the window's number; the others hold a part of its hash.
const NUMBER_BITS: u32 = 24;

/// The most windows that entries can tell apart.
const MAX_WINDOWS: usize = (1 << NUMBER_BITS) - 1;

/// A searchable index over a base state.
///
/// It owns its tables and not the state, so that it can be cached beside the state's bytes. It takes 10 to 20 bytes for
/// each indexed window: about as much as a small state itself, 320 KiB for one of 16 MiB.
pub(crate) struct BaseIndex {
    /// The distance between indexed windows, in bytes.
    stride: usize,
    /// A hash's bits above this are its place in the table.
    table_shift: u32,
    /// A hash's bits above this are its place in the filter.
    filter_shift: u32,
    /// Open addressing; the low bits are the window's number plus one, so that zero is a free place. Longer than the
    /// hash's range by the probes, so that probing never wraps around.
    table: Vec<u32>,
    /// One bit for each hash prefix that some window has. It is small enough to stay in the processor's cache and
    /// answers for nearly all offsets of a new state that nothing is there.
    filter: Vec<u64>,
}

impl BaseIndex {
    /// Indexes `base`.
    pub(crate) fn new(base: &[u8]) -> Self {
        let Shape { stride, table_bits, filter_bits } = Shape::of(base.len());
        // What lies beyond the numbers that an entry can hold (8 GiB) is copied only as a continuation.
        let windows = base.windows(WINDOW).step_by(stride).take(MAX_WINDOWS);
        let mut index = Self {
            stride,
            table_shift: u32::BITS - table_bits,
            filter_shift: u32::BITS - filter_bits,
            table: vec![0; (1 << table_bits) + PROBES],
            filter: vec![0; 1 << (filter_bits - 6)],
        };
        for (number, window) in windows.enumerate() {
            index.insert(gear::hash(window), number as u32 + 1);
        }
        index
    }

    /// The bytes of memory that the index of a state of `length` bytes holds.
    pub(crate) fn memory_of(length: usize) -> usize {
        let Shape { table_bits, filter_bits, .. } = Shape::of(length);
        size_of::<Self>() + ((1 << table_bits) + PROBES) * size_of::<u32>() + (1 << (filter_bits - 3))
    }

    /// The distance between indexed windows, in bytes.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Whether a window of this hash may be there.
    #[inline(always)]
    pub(super) fn may_hold(&self, hash: u32) -> bool {
        let (word, bit) = self.filter_place(hash);
        self.filter.get(word).is_some_and(|word| word & bit != 0) && self.holds(hash)
    }

    /// The offsets of the windows that may have this hash, in ascending order.
    pub(super) fn candidates(&self, hash: u32) -> impl Iterator<Item = usize> {
        let places = self.table.iter().skip((hash >> self.table_shift) as usize).take(PROBES);
        places
            .take_while(|entry| **entry != 0)
            .filter(move |entry| **entry >> NUMBER_BITS == tag(hash))
            .map(|entry| ((entry & ((1 << NUMBER_BITS) - 1)) as usize - 1) * self.stride)
    }

    /// What the filter leaves to be decided. Kept out of the loop over a state's offsets, which must be small.
    #[cold]
    #[inline(never)]
    fn holds(&self, hash: u32) -> bool {
        self.candidates(hash).next().is_some()
    }

    fn insert(&mut self, hash: u32, number: u32) {
        let mut places = self.table.iter_mut().skip((hash >> self.table_shift) as usize).take(PROBES);
        if let Some(free) = places.find(|entry| **entry == 0) {
            *free = tag(hash) << NUMBER_BITS | number;
            let (word, bit) = self.filter_place(hash);
            if let Some(word) = self.filter.get_mut(word) {
                *word |= bit;
            }
        }
    }

    #[inline(always)]
    fn filter_place(&self, hash: u32) -> (usize, u64) {
        let bit = hash >> self.filter_shift;
        ((bit >> 6) as usize, 1 << (bit & 63))
    }
}

/// How large an index is.
struct Shape {
    stride: usize,
    table_bits: u32,
    filter_bits: u32,
}

impl Shape {
    /// The shape of the index of a state of `length` bytes.
    fn of(length: usize) -> Self {
        let stride = (length / FULL_DENSITY).next_power_of_two().clamp(MIN_STRIDE, MAX_STRIDE);
        let windows = ((length + stride).saturating_sub(WINDOW) / stride).clamp(1, MAX_WINDOWS);
        let table_bits = windows.next_power_of_two().trailing_zeros().max(8) + 1;
        Self { stride, table_bits, filter_bits: table_bits + 3 }
    }
}

/// The part of a hash that a table entry repeats, so that windows of other hashes are passed over without a look at
/// the state. The lowest bits depend on too few of the window's bytes to tell windows apart.
fn tag(hash: u32) -> u32 {
    (hash >> 4) & 0xff
}
