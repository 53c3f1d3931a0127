//! One replica: how it follows the primary, and how it catches up on what it missed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use persist_plugin_api::{Bytes, DynStorage, Error, ErrorCode, ListRequest, Part, ReadPurpose, Result};

use crate::marker::MARKER;

/// How many keys a process remembers for a replica that misses writes. Beyond, it compares listings instead.
const MAX_OWED: usize = 10_000;

/// How many missed keys one write makes up for, besides those of its own session.
const MADE_UP_AT_ONCE: usize = 64;

/// A replica and what it is known to lack.
pub(crate) struct Replica {
    name: String,
    part: Part,
    limit: Duration,
    state: Mutex<State>,
    /// Catching up is done by one write at a time.
    catching_up: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Keys under which it may hold other than the primary.
    owed: BTreeSet<String>,
    /// The sessions that were compared with the primary by this process.
    compared: HashSet<String>,
    store: SameStore,
    /// Whether the last write reached it: the first that does not is warned about.
    failing: bool,
}

/// Whether it holds the store that the primary holds.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum SameStore {
    #[default]
    Unknown,
    Yes,
    /// It holds another one, which is never touched.
    No,
}

impl Replica {
    pub(crate) fn new(number: usize, part: Part, limit: Duration) -> Self {
        Self {
            name: format!("replicas[{number}]"),
            part,
            limit,
            state: Mutex::default(),
            catching_up: tokio::sync::Mutex::default(),
        }
    }

    /// What the config calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn part(&self) -> &dyn DynStorage {
        &*self.part
    }

    /// Whether it holds another store than the primary.
    pub(crate) fn is_foreign(&self) -> bool {
        self.state().store == SameStore::No
    }

    /// Waits for it for no longer than the limit.
    pub(crate) async fn within<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(self.limit, call).await.unwrap_or_else(|_| {
            let message =
                format!("{} gave no answer within {} s (replica_timeout)", self.name, self.limit.as_secs());
            Err(Error::new(ErrorCode::TIMEOUT, message).retryable(true))
        })
    }

    /// Remembers that the replica may hold other than the primary under a key.
    pub(crate) fn owe(&self, key: &str) {
        let mut state = self.state();
        if state.owed.len() >= MAX_OWED {
            // The sessions that are written to again are then compared as a whole.
            state.owed.clear();
            state.compared.clear();
        }
        state.owed.insert(key.to_owned());
    }

    /// Does what the primary confirmed: `data` was written under the key or, if `None`, the object was removed.
    pub(crate) async fn follow(&self, primary: &dyn DynStorage, key: &str, data: Option<&Bytes>) {
        if self.is_foreign() {
            return;
        }
        // Before anything is tried: should the caller give up meanwhile, the key is not forgotten.
        self.owe(key);
        // The read-back of a replica, like the reads of the primary here, decide what is written.
        let following = ReadPurpose::Decide.scope(self.try_follow(primary, key, data));
        match self.within(following).await {
            Ok(()) => {
                if std::mem::take(&mut self.state().failing) {
                    tracing::info!(replica = self.name, "the replica can be written to again");
                }
            }
            Err(error) => self.failed(key, &error),
        }
    }

    async fn try_follow(&self, primary: &dyn DynStorage, key: &str, data: Option<&Bytes>) -> Result<()> {
        if !self.holds_same_store(primary).await? {
            return Ok(());
        }
        match data {
            Some(data) => self.put(key, data).await?,
            None => self.part.delete(key).await?,
        }
        self.state().owed.remove(key);
        // Its own key is done. What else is missing must not be forgotten, but nobody waits for another who is at it.
        let Ok(_one) = self.catching_up.try_lock() else { return Ok(()) };
        self.compare_session(primary, key).await?;
        self.make_up(primary).await
    }

    /// Writes a copy and reads it back.
    async fn put(&self, key: &str, data: &Bytes) -> Result<()> {
        self.part.save(key, data.clone()).await?;
        if self.part.load(key).await? == *data {
            return Ok(());
        }
        let message = format!("the object {key:?} was read back with other bytes than were written");
        Err(Error::new(ErrorCode::CORRUPT, message))
    }

    /// Makes what the replica holds under a key what the primary holds.
    async fn level(&self, primary: &dyn DynStorage, key: &str) -> Result<()> {
        match primary.load(key).await {
            Ok(data) => self.put(key, &data).await?,
            Err(error) if error.code() == ErrorCode::NOT_FOUND => self.part.delete(key).await?,
            Err(error) => return Err(error),
        }
        self.state().owed.remove(key);
        Ok(())
    }

    /// Levels keys that were missed before.
    async fn make_up(&self, primary: &dyn DynStorage) -> Result<()> {
        let owed: Vec<String> = self.state().owed.iter().take(MADE_UP_AT_ONCE).cloned().collect();
        for key in owed {
            self.level(primary, &key).await?;
        }
        Ok(())
    }

    /// Compares what both hold of the session that a key belongs to, once in this process.
    async fn compare_session(&self, primary: &dyn DynStorage, key: &str) -> Result<()> {
        let Some(session) = session_prefix(key) else { return Ok(()) };
        if self.state().compared.contains(session) {
            return Ok(());
        }
        // The replica first: what it holds, the primary held before, and still does unless it was removed there.
        let copies = list(self.part(), session).await?;
        let objects = list(primary, session).await?;
        let missing = objects.iter().filter(|(key, size)| copies.get(*key) != Some(size));
        let superfluous = copies.keys().filter(|key| !objects.contains_key(*key));
        // Asked again one by one, and levelled by what the primary then answers.
        let differing: Vec<&String> = missing.map(|(key, _)| key).chain(superfluous).collect();
        if !differing.is_empty() {
            let count = differing.len();
            tracing::info!(replica = self.name, session, count, "the replica catches up");
        }
        for key in &differing {
            self.owe(key);
        }
        for key in differing {
            self.level(primary, key).await?;
        }
        self.state().compared.insert(session.to_owned());
        Ok(())
    }

    /// Whether the replica holds the primary's store, or none yet: then it begins with the marker. A store that is not the
    /// primary's may be the last copy of something, and is left alone.
    async fn holds_same_store(&self, primary: &dyn DynStorage) -> Result<bool> {
        match self.state().store {
            SameStore::Unknown => {}
            known => return Ok(known == SameStore::Yes),
        }
        let marker = match primary.load(MARKER).await {
            Ok(marker) => Some(marker),
            Err(error) if error.code() == ErrorCode::NOT_FOUND => None,
            Err(error) => return Err(error),
        };
        let copy = match self.part.load(MARKER).await {
            Ok(copy) => Some(copy),
            Err(error) if error.code() == ErrorCode::NOT_FOUND => None,
            Err(error) => return Err(error),
        };
        match (&marker, &copy) {
            (Some(marker), None) => self.put(MARKER, marker).await?,
            // Not a store of Persist's, or not yet.
            (None, None) => return Ok(true),
            _ => {}
        }
        let same = copy.is_none() || copy == marker;
        self.state().store = if same { SameStore::Yes } else { SameStore::No };
        if !same {
            self.state().owed.clear();
            tracing::error!(
                replica = self.name,
                "the replica holds another store than the primary; it is neither written to nor read. Empty it, or point the \
                 option at another place"
            );
        }
        Ok(same)
    }

    fn failed(&self, key: &str, error: &Error) {
        let mut state = self.state();
        let (owed, code) = (state.owed.len(), error.code().name());
        let cause = std::error::Error::source(error).map(ToString::to_string);
        if std::mem::replace(&mut state.failing, true) {
            tracing::debug!(replica = self.name, key, code, %error, cause, owed, "the replica still misses writes");
        } else {
            tracing::warn!(
                replica = self.name, key, code, %error, cause,
                "the replica missed a write, which is safe in the primary; it is caught up with a later one"
            );
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The prefix of the session that a key belongs to: `agents/<agent>/<session>/`.
fn session_prefix(key: &str) -> Option<&str> {
    let mut slashes = key.match_indices('/').map(|(at, _)| at);
    let end = slashes.nth(2)?;
    key.starts_with("agents/").then(|| key.get(..=end)).flatten()
}

/// The objects below a prefix, with their sizes.
async fn list(storage: &dyn DynStorage, prefix: &str) -> Result<BTreeMap<String, u64>> {
    let mut objects = BTreeMap::new();
    let mut request = ListRequest::below(prefix);
    loop {
        let page = storage.list(request.clone()).await?;
        objects.extend(page.objects.into_iter().map(|object| (object.key, object.size)));
        if page.next.is_none() {
            return Ok(objects);
        }
        request = request.continued(page.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_session() {
        assert_eq!(session_prefix("agents/a/s/d/0000000001"), Some("agents/a/s/"));
        assert_eq!(session_prefix("agents/a/s/w/0000000001/x/0"), Some("agents/a/s/"));
        for key in [MARKER, "quarantine/agents/a/s/d", "agents/a/s", "agents/a"] {
            assert_eq!(session_prefix(key), None, "{key}");
        }
    }
}
