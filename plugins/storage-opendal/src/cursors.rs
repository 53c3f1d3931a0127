//! Listings under way. OpenDAL has no word for the place in a listing that could be handed out and taken back, so the
//! listing itself is kept for some time, and begun again where it is not.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opendal::Lister;
use persist_plugin_api::{Error, ErrorCode, ListRequest, Result};
use serde::{Deserialize, Serialize};

use crate::wire::Seen;

/// How many listings are kept. Each holds at most a page of the service's.
const KEPT: usize = 32;

/// A listing that goes on.
pub(crate) struct Cursor {
    pub(crate) lister: Lister,
    pub(crate) seen: Arc<Seen>,
    /// What the service listed last.
    last: Place,
    /// The "directories" so far: some services name one on each page that holds a part of it.
    directories: HashSet<String>,
}

impl Cursor {
    pub(crate) fn new(lister: Lister, seen: Arc<Seen>) -> Self {
        Self { lister, seen, last: Place::default(), directories: HashSet::new() }
    }

    /// Remembers what the service lists next; says whether it comes in order, on which beginning again relies.
    pub(crate) fn in_order(&mut self, name: &str) -> bool {
        let repeated = name.ends_with('/') && !self.directories.insert(name.to_owned());
        self.last.advance(name) || repeated
    }
}

/// Where a listing goes on, as the host hands it back.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    /// The number of a listing that is perhaps still kept.
    cursor: u64,
    /// The stored name of the last object that was considered.
    pub(crate) object: Option<String>,
    /// The stored name of the last "directory".
    pub(crate) directory: Option<String>,
}

impl Place {
    /// Reads what [`Place::text`] wrote.
    pub(crate) fn of(request: &ListRequest) -> Result<Option<Self>> {
        let Some(text) = &request.continuation else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|error| {
            let message = format!("the continuation {text:?} of a listing is not one that this adapter gave");
            Error::new(ErrorCode::INVALID_ARGUMENT, message).with_source(error)
        })
    }

    /// The place as text.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Goes on to an entry; says whether it comes after the one before it of its kind, or is the same.
    pub(crate) fn advance(&mut self, name: &str) -> bool {
        let last = if name.ends_with('/') { &mut self.directory } else { &mut self.object };
        last.replace(name.to_owned()).is_none_or(|last| *last <= *name)
    }

    /// Whether an entry was reported before this place. The service orders objects, and directories, by their names.
    pub(crate) fn is_behind(&self, name: &str) -> bool {
        let last = if name.ends_with('/') { &self.directory } else { &self.object };
        last.as_deref().is_some_and(|last| name <= last)
    }
}

/// The listings that are kept, the oldest first.
pub(crate) struct Cursors {
    next: AtomicU64,
    kept: Mutex<VecDeque<(Place, ListRequest, Cursor)>>,
}

impl Default for Cursors {
    fn default() -> Self {
        // A place of another adapter, or of another process, should not look like one of this.
        Self { next: AtomicU64::new(RandomState::new().hash_one("cursors") >> 1), kept: Mutex::default() }
    }
}

impl Cursors {
    /// Takes the listing that a place belongs to, if it is still kept and the request is the same.
    pub(crate) fn take(&self, place: &Place, request: &ListRequest) -> Option<Cursor> {
        let same = essence(request);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(of, request, _)| of == place && *request == same)?;
        kept.remove(at).map(|(.., cursor)| cursor)
    }

    /// Keeps a listing that has come to a place, and numbers the place.
    pub(crate) fn keep(&self, mut place: Place, request: &ListRequest, cursor: Cursor) -> Place {
        place.cursor = self.next.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((place.clone(), essence(request), cursor));
        place
    }
}

/// What all pages of a listing have in common.
fn essence(request: &ListRequest) -> ListRequest {
    request.clone().continued(None).limit(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was() {
        let place = Place { cursor: 7, object: Some("a\"é".to_owned()), directory: None };
        let request = ListRequest::below("").continued(Some(place.text()));
        assert_eq!(Place::of(&request).unwrap(), Some(place));
        assert_eq!(Place::of(&ListRequest::below("")).unwrap(), None);
        let error = Place::of(&ListRequest::below("").continued(Some("../".to_owned()))).unwrap_err();
        assert_eq!(error.code(), ErrorCode::INVALID_ARGUMENT);
    }

    #[test]
    fn objects_and_directories_are_behind_each_on_their_own() {
        let place = Place { cursor: 0, object: Some("b".to_owned()), directory: Some("d/".to_owned()) };
        assert!(place.is_behind("a") && place.is_behind("b") && !place.is_behind("c"));
        assert!(place.is_behind("c/") && place.is_behind("d/") && !place.is_behind("e/"));
        assert!(!Place::default().is_behind("a"));
    }

    #[test]
    fn order_is_that_of_bytes_within_each_kind() {
        let mut place = Place::default();
        for (name, in_order) in
            [("b", true), ("a/", true), ("b", true), ("c", true), ("a.", false), ("B/", false)]
        {
            assert_eq!(place.advance(name), in_order, "{name}");
        }
    }
}
