//! The objects that are being read or written just now, so that nothing is copied that was removed meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::RwLock;

/// How often an object was replaced or removed while anybody was at it.
type Removals = Arc<RwLock<u64>>;

/// The objects that anybody is at, by their keys. Of all others nothing is kept.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<String, Removals>>);

/// Somebody is at an object. Whoever is at the same one shares its removals.
pub(crate) struct Flight<'a> {
    flights: &'a Flights,
    key: &'a str,
    pub(crate) removals: Removals,
}

impl Flights {
    /// Begins with an object, until what is returned is dropped.
    pub(crate) fn begin<'a>(&'a self, key: &'a str) -> Flight<'a> {
        let removals = Arc::clone(self.table().entry(key.to_owned()).or_default());
        Flight { flights: self, key, removals }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, Removals>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut table = self.flights.table();
        // The table's and this one. Others come only through the table.
        if Arc::strong_count(&self.removals) <= 2 {
            table.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_at_one_object_share_its_removals_and_nothing_is_left_after_them() {
        let flights = Flights::default();
        let (one, other, apart) = (flights.begin("a"), flights.begin("a"), flights.begin("b"));
        *one.removals.write().await += 1;
        assert_eq!((*other.removals.read().await, *apart.removals.read().await), (1, 0));
        drop(one);
        assert_eq!(*flights.begin("a").removals.read().await, 1, "the other is still at it");
        drop((other, apart));
        assert!(flights.table().is_empty());
    }
}
