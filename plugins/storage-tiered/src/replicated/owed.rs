//! What a replica is known to lack, and when it is tried again.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use persist_plugin_api::Bytes;

/// How many keys a process remembers for a replica that misses writes. Beyond, it compares listings instead.
const MAX_OWED: usize = 10_000;

/// How many sessions, and how many disputed objects, a process remembers.
const MAX_REMEMBERED: usize = 10_000;

/// How long a replica that costs writes time is not tried again.
const PAUSE: Duration = Duration::from_secs(30);

/// A failure that takes this long costs writes time.
const SLOW: Duration = Duration::from_secs(1);

/// A confirmed write.
#[derive(Clone, Copy)]
pub(crate) enum Change<'a> {
    Created(&'a Bytes),
    Replaced(&'a Bytes),
    Removed,
}

impl Change<'_> {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Created(_) => Kind::Added,
            Self::Replaced(_) => Kind::Replaced,
            Self::Removed => Kind::Removed,
        }
    }
}

/// What a replica missed under a key. What was added comes before what replaces or removes, which may rest on it; of several,
/// the last of these counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Added,
    /// A listing said that it differs. Nobody asked this process to replace it: what the two objects are decides.
    Differs,
    /// This process was asked to replace it.
    Replaced,
    /// This process was asked to remove it.
    Removed,
}

#[derive(Clone, Copy)]
pub(crate) struct Owed {
    pub(crate) kind: Kind,
    /// Tells whether the key was owed again since.
    ticket: u64,
}

/// What a process knows of a replica.
#[derive(Default)]
pub(crate) struct State {
    owed: BTreeMap<String, Owed>,
    tickets: u64,
    overflowed: bool,
    /// Where the next round of making up begins.
    next: String,
    /// The sessions that were compared with the primary by this process.
    pub(crate) compared: HashSet<String>,
    /// Objects of which the replica holds another than the primary, and keeps its own.
    pub(crate) disputed: HashSet<String>,
    /// Whether it is known to hold the store that the primary holds; `None` as long as nobody looked.
    pub(crate) same_store: Option<bool>,
    /// The marker that it holds.
    pub(crate) marker: Option<Bytes>,
    /// Whether the last write reached it: the first that does not is warned about.
    pub(crate) failing: bool,
    /// Whether it was reported that it cannot be read, since it last could.
    pub(crate) unread: bool,
    pub(crate) breaker: Breaker,
}

impl State {
    /// Remembers a key. Whether it is the first time that there are too many.
    pub(crate) fn owe(&mut self, key: &str, kind: Kind) -> bool {
        let full = self.owed.len() >= MAX_OWED && !self.owed.contains_key(key);
        if full {
            // The sessions that are written to again are then compared as a whole.
            self.owed.clear();
            self.compared.clear();
        }
        self.tickets += 1;
        let kind = self.owed.get(key).map_or(kind, |before| before.kind.max(kind));
        self.owed.insert(key.to_owned(), Owed { kind, ticket: self.tickets });
        full && !std::mem::replace(&mut self.overflowed, true)
    }

    pub(crate) fn owed(&self, key: &str) -> Option<Owed> {
        self.owed.get(key).copied()
    }

    /// Forgets a key, unless it was owed again since.
    pub(crate) fn settle(&mut self, key: &str, seen: Owed) {
        if self.owed.get(key).is_some_and(|owed| owed.ticket == seen.ticket) {
            self.owed.remove(key);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.owed.len()
    }

    /// Forgets everything that is owed.
    pub(crate) fn forget(&mut self) {
        self.owed.clear();
    }

    /// Whether an object below the prefix is missing that something later may rest on.
    pub(crate) fn lacks_additions(&self, prefix: &str) -> bool {
        self.below(prefix).any(|(_, owed)| owed.kind == Kind::Added)
    }

    /// The keys to make up for: all of the session, then up to `others` of the rest, each time from where the last round
    /// ended, so that one that fails every time holds up no other.
    pub(crate) fn round(&mut self, session: Option<&str>, others: usize) -> Vec<String> {
        let mut own: Vec<(&String, &Owed)> =
            session.map(|prefix| self.below(prefix).collect()).unwrap_or_default();
        own.sort_by_key(|(key, owed)| order(key, owed.kind));
        let is_other = |key: &&String| session.is_none_or(|prefix| !key.starts_with(prefix));
        let after = self.owed.range(self.next.clone()..).chain(self.owed.range(..self.next.clone()));
        let mut rest: Vec<(&String, &Owed)> =
            after.filter(|(key, _)| is_other(key)).take(others + 1).collect();
        let next = if rest.len() > others { rest.pop().map(|(key, _)| key.clone()) } else { None };
        rest.sort_by_key(|(key, owed)| order(key, owed.kind));
        let keys = own.into_iter().chain(rest).map(|(key, _)| key.clone()).collect();
        self.next = next.unwrap_or_default();
        keys
    }

    /// Remembers that a session was compared.
    pub(crate) fn compared(&mut self, session: &str) {
        remember(&mut self.compared, session);
    }

    /// Remembers that an object is not to be replaced.
    pub(crate) fn dispute(&mut self, key: &str) {
        remember(&mut self.disputed, key);
    }

    fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Owed)> {
        self.owed.range(prefix.to_owned()..).take_while(move |(key, _)| key.starts_with(prefix))
    }
}

/// The order in which objects of a session are made up for: what was added first, and of that the manifests.
pub(crate) fn order(key: &str, kind: Kind) -> (Kind, bool, String) {
    (kind, key.split('/').nth(3) != Some("m"), key.to_owned())
}

fn remember(set: &mut HashSet<String>, name: &str) {
    if set.len() >= MAX_REMEMBERED {
        set.clear();
    }
    set.insert(name.to_owned());
}

/// Keeps a replica that does not answer from slowing every write down.
#[derive(Default)]
pub(crate) struct Breaker(Option<Instant>);

impl Breaker {
    pub(crate) fn allows(&self, now: Instant) -> bool {
        self.0.is_none_or(|until| now >= until)
    }

    pub(crate) fn failed(&mut self, now: Instant, took: Duration) {
        self.0 = (took >= SLOW).then(|| now + PAUSE);
    }

    pub(crate) fn succeeded(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replaces_comes_after_what_was_added_and_manifests_come_first() {
        let mut state = State::default();
        for (key, kind) in [("d/1", Kind::Replaced), ("d/2", Kind::Added), ("m/1", Kind::Added)] {
            state.owe(&format!("agents/a/s/{key}"), kind);
        }
        state.owe("agents/a/t/d/1", Kind::Added);
        let round = state.round(Some("agents/a/s/"), 9);
        assert_eq!(round, ["agents/a/s/m/1", "agents/a/s/d/2", "agents/a/s/d/1", "agents/a/t/d/1"]);
        assert!(state.lacks_additions("agents/a/s/") && !state.lacks_additions("agents/b/"));
    }

    #[test]
    fn rounds_go_on_where_the_last_one_ended() {
        let mut state = State::default();
        for key in ["a", "b", "c"] {
            state.owe(key, Kind::Added);
        }
        assert_eq!([state.round(None, 2), state.round(None, 2)], [["a", "b"], ["a", "c"]]);
        assert_eq!(state.round(None, 2), ["b", "c"]);
    }

    #[test]
    fn a_key_that_is_owed_again_meanwhile_stays_owed() {
        let mut state = State::default();
        state.owe("a", Kind::Removed);
        let seen = state.owed("a").unwrap();
        state.owe("a", Kind::Added);
        state.settle("a", seen);
        assert_eq!(state.owed("a").unwrap().kind, Kind::Removed, "the stronger of both");
        let seen = state.owed("a").unwrap();
        state.settle("a", seen);
        assert_eq!(state.count(), 0);
    }

    #[test]
    fn too_many_are_told_once_and_compared_instead() {
        let mut state = State::default();
        state.compared("agents/a/s/");
        let told = (0..=2 * MAX_OWED).filter(|number| state.owe(&number.to_string(), Kind::Added)).count();
        assert_eq!((told, state.compared.len()), (1, 0));
        (0..=MAX_REMEMBERED).for_each(|number| state.compared(&number.to_string()));
        assert!(state.compared.len() <= MAX_REMEMBERED);
    }

    #[test]
    fn a_slow_failure_pauses_and_a_quick_one_does_not() {
        let (now, mut breaker) = (Instant::now(), Breaker::default());
        breaker.failed(now, Duration::from_millis(5));
        assert!(breaker.allows(now));
        breaker.failed(now, Duration::from_secs(10));
        assert!(!breaker.allows(now + PAUSE / 2) && breaker.allows(now + PAUSE));
        breaker.succeeded();
        assert!(breaker.allows(now));
    }
}
