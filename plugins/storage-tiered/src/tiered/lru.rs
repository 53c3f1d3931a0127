//! Which copies there are, how much they take, and which was not used for the longest time.

use std::collections::{BTreeMap, HashMap};

/// What a copy takes at least, however small it is: a block of a file system. It bounds the number of copies, too.
pub(crate) const LEAST_BYTES: u64 = 4096;

/// What a copy is known by: half of it is its store's, and half the object's.
pub(crate) type CopyId = [u8; 32];

/// What is known of the copies. Copies of other processes may be missing in it, and some that it knows may be gone.
#[derive(Debug, Default)]
pub(crate) struct Lru {
    entries: HashMap<CopyId, Entry>,
    /// The copies by the time of their last use; those that were only found come before all that were used.
    order: BTreeMap<i64, CopyId>,
    bytes: u64,
    newest: i64,
    oldest: i64,
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    used: i64,
}

/// What a copy of so many bytes counts for.
pub(crate) fn counted(bytes: u64) -> u64 {
    bytes.max(LEAST_BYTES)
}

impl Lru {
    /// The bytes that all copies count for.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What a copy counts for; 0 if it is not known.
    pub(crate) fn bytes_of(&self, id: &CopyId) -> u64 {
        self.entries.get(id).map_or(0, |entry| entry.bytes)
    }

    /// Notes that a copy is there and was used just now.
    pub(crate) fn used(&mut self, id: CopyId, bytes: u64) {
        self.remove(&id);
        self.newest += 1;
        self.insert(id, bytes, self.newest);
    }

    /// Notes that a copy is there. If that is news, all that are known were used after it.
    pub(crate) fn found(&mut self, id: CopyId, bytes: u64) {
        if !self.entries.contains_key(&id) {
            self.oldest -= 1;
            self.insert(id, bytes, self.oldest);
        }
    }

    /// Notes that a copy is gone.
    pub(crate) fn remove(&mut self, id: &CopyId) {
        if let Some(entry) = self.entries.remove(id) {
            self.order.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }

    /// Takes out the copy that was not used for the longest time.
    pub(crate) fn take_oldest(&mut self) -> Option<CopyId> {
        let id = self.order.first_key_value().map(|(_, id)| *id)?;
        self.remove(&id);
        Some(id)
    }

    fn insert(&mut self, id: CopyId, bytes: u64, used: i64) {
        let bytes = counted(bytes);
        self.order.insert(used, id);
        self.entries.insert(id, Entry { bytes, used });
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first_and_the_bytes_add_up() {
        let mut lru = Lru::default();
        let [a, b, c] = [1, 2, 3].map(|name| [name; 32]);
        for (id, bytes) in [(a, 10_000), (b, 20_000), (c, 300_000)] {
            lru.used(id, bytes);
        }
        lru.used(a, 5000);
        assert_eq!((lru.bytes(), lru.bytes_of(&a), lru.bytes_of(&[9; 32])), (325_000, 5000, 0));
        lru.remove(&[9; 32]);
        assert_eq!(lru.take_oldest(), Some(b));
        lru.remove(&c);
        assert_eq!((lru.take_oldest(), lru.take_oldest(), lru.bytes()), (Some(a), None, 0));
    }

    #[test]
    fn small_copies_count_for_a_block() {
        let mut lru = Lru::default();
        lru.used([1; 32], 1);
        lru.found([2; 32], 0);
        assert_eq!(lru.bytes(), 2 * LEAST_BYTES);
    }

    #[test]
    fn copies_that_were_only_found_go_before_those_that_were_used() {
        let mut lru = Lru::default();
        let [used, newer, older] = [1, 2, 3].map(|name| [name; 32]);
        lru.used(used, 1);
        for id in [newer, older, used] {
            lru.found(id, 1);
        }
        assert_eq!([(); 3].map(|()| lru.take_oldest()), [Some(older), Some(newer), Some(used)]);
    }
}
