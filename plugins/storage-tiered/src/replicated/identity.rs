//! Which store a replica holds.

use futures_util::future::{join, join_all};
use persist_plugin_api::{Bytes, DynStorage, ErrorCode, Result};

use super::replica::Replica;
use crate::marker::MARKER;

impl Replica {
    /// Whether the replica holds the store that the primary holds now, or none yet: then it begins with the marker. A store
    /// that is not the primary's may be the last copy of something, and is left alone from then on. So is one whose primary
    /// has lost its marker: it has lost the rest as well, or another disk is in its place.
    pub(crate) async fn check_store(&self, primary: &dyn DynStorage) -> Result<bool> {
        let (marker, copy) = join(self.within(marker_of(primary)), self.within(marker_of(self.part()))).await;
        let (marker, copy) = (marker?, copy?);
        let same = match (&marker, &copy) {
            // Not a store of Persist's, or not yet.
            (None, None) => return Ok(!self.is_foreign()),
            (Some(marker), None) => {
                self.put(MARKER, marker).await?;
                // It is new, or was emptied.
                self.state().compared.clear();
                true
            }
            (marker, copy) => marker == copy,
        };
        if same {
            let mut state = self.state();
            state.same_store.get_or_insert(true);
            state.marker = marker;
        } else {
            self.is_of_another_store();
        }
        Ok(!self.is_foreign())
    }

    fn is_of_another_store(&self) {
        let mut state = self.state();
        state.forget();
        if state.same_store.replace(false) != Some(false) {
            tracing::error!(
                replica = self.name(),
                "the replica holds another store than the primary, or the primary has lost its contents; the replica is neither \
                 written to nor read until the process is started anew. See whether the primary is the right one and whole; if \
                 it is, empty the replica or point the option at another place"
            );
        }
    }
}

/// The replicas that may answer in the primary's place, by what is known of the stores that they hold, those that are not
/// known to lack anything first, and whether all replicas told. `seen` is the primary's marker if this process has seen it.
pub(crate) async fn usable<'a>(replicas: &'a [Replica], seen: Option<&Bytes>) -> (Vec<&'a Replica>, bool) {
    let candidates: Vec<&Replica> = replicas.iter().filter(|replica| !replica.is_foreign()).collect();
    let markers = join_all(candidates.iter().map(|replica| known_marker(replica))).await;
    let told: Vec<&Option<Bytes>> = markers.iter().filter_map(|marker| marker.as_ref().ok()).collect();
    let expected = seen.or_else(|| told.iter().find_map(|marker| marker.as_ref()));
    let agreed = seen.is_some() || told.iter().all(|marker| marker.is_none() || marker.as_ref() == expected);
    if !agreed {
        tracing::error!(
            "the replicas hold different stores, and the primary cannot tell which is its own; none of them is read. Correct the \
             options"
        );
        return (Vec::new(), false);
    }
    let fits = |(replica, marker): (&'a Replica, &Result<Option<Bytes>>)| match marker {
        Ok(marker) if marker.as_ref() == expected => Some(replica),
        Ok(_) => {
            replica.not_read("it is not of this store, or new", None);
            None
        }
        Err(error) => {
            replica.not_read("it cannot be reached either", Some(error));
            None
        }
    };
    let mut usable: Vec<&Replica> = candidates.iter().copied().zip(&markers).filter_map(fits).collect();
    usable.sort_by_key(|replica| replica.is_behind());
    (usable, markers.iter().all(Result::is_ok))
}

async fn known_marker(replica: &Replica) -> Result<Option<Bytes>> {
    let known = replica.state().marker.clone();
    if known.is_some() {
        return Ok(known);
    }
    let marker = replica.within(marker_of(replica.part())).await?;
    replica.state().marker.clone_from(&marker);
    Ok(marker)
}

async fn marker_of(storage: &dyn DynStorage) -> Result<Option<Bytes>> {
    match storage.load(MARKER).await {
        Ok(marker) => Ok(Some(marker)),
        Err(error) if error.code() == ErrorCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}
