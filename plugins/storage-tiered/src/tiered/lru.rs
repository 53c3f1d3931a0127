//! Which copies there are, how much they take, and which was not used for the longest time.

use std::collections::{BTreeMap, HashMap};

/// What is known of the copies. Copies of other processes may be missing in it, and some that it knows may be gone.
#[derive(Debug, Default)]
pub(crate) struct Lru {
    entries: HashMap<String, Entry>,
    /// The names by the time of their last use.
    order: BTreeMap<u64, String>,
    bytes: u64,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    used: u64,
}

impl Lru {
    /// The bytes of all copies.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a copy is known.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Notes that a copy is there and was used just now.
    pub(crate) fn used(&mut self, name: &str, bytes: u64) {
        self.remove(name);
        self.clock += 1;
        self.order.insert(self.clock, name.to_owned());
        self.entries.insert(name.to_owned(), Entry { bytes, used: self.clock });
        self.bytes += bytes;
    }

    /// Notes that a copy is gone.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(entry) = self.entries.remove(name) {
            self.order.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }

    /// Takes out the copy that was not used for the longest time.
    pub(crate) fn take_oldest(&mut self) -> Option<String> {
        let name = self.order.first_key_value().map(|(_, name)| name.clone())?;
        self.remove(&name);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first_and_the_bytes_add_up() {
        let mut lru = Lru::default();
        for (name, bytes) in [("a", 1), ("b", 10), ("c", 100)] {
            lru.used(name, bytes);
        }
        lru.used("a", 2);
        assert_eq!(lru.bytes(), 112);
        lru.remove("nobody");
        assert_eq!(lru.take_oldest().as_deref(), Some("b"));
        lru.remove("c");
        assert!(lru.knows("a") && !lru.knows("c"));
        assert_eq!((lru.take_oldest().as_deref(), lru.take_oldest(), lru.bytes()), (Some("a"), None, 0));
    }
}
