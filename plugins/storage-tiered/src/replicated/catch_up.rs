//! How a replica catches up on what it missed.

use std::collections::BTreeMap;
use std::time::Instant;

use persist_plugin_api::{DynStorage, Error, ErrorCode, ListRequest, Result};

use super::owed::{Kind, Owed, order};
use super::replica::Replica;

/// How many missed keys one write makes up for, besides those of its own session.
const MADE_UP_AT_ONCE: usize = 64;

impl Replica {
    /// Makes up for what is owed, that of the key's session first, which is compared before, once in this process. Nothing is
    /// begun after the time limit. The key itself is left to its own write.
    pub(super) async fn catch_up(&self, primary: &dyn DynStorage, key: &str) -> Result<()> {
        let until = Instant::now() + self.limit;
        let session = session_prefix(key);
        let compared = session.is_none_or(|session| self.state().compared.contains(session));
        let mut round = self.state().round(session, MADE_UP_AT_ONCE);
        round.retain(|owed| owed != key);
        // What is in the primary now may be another store, or nothing.
        if (compared && round.is_empty()) || !self.check_store(primary).await? {
            return Ok(());
        }
        let mut failure = None;
        if let Some(session) = session.filter(|_| !compared) {
            self.compare_session(primary, session, until, &mut failure).await?;
        }
        for key in round {
            if Instant::now() >= until {
                break;
            }
            self.make_up(primary, &key, &mut failure).await?;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Levels a key. What fails there stays owed and holds up no other, unless nothing can be written at all.
    async fn make_up(&self, primary: &dyn DynStorage, key: &str, failure: &mut Option<Error>) -> Result<()> {
        let _one = self.one_at_a_time(key).await;
        let Some(owed) = self.state().owed(key) else { return Ok(()) };
        if owed.kind > Kind::Added && !self.may_change(key) {
            return Ok(());
        }
        match self.level(primary, key, owed).await {
            Err(error) if error.code() == ErrorCode::UNAVAILABLE => Err(error),
            Err(error) => {
                failure.get_or_insert(error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Makes what the replica holds under a key what the primary holds, unless its own is the better one. What is not in the
    /// primary is removed only if this process was asked to remove it. The caller keeps others from the key.
    pub(super) async fn level(&self, primary: &dyn DynStorage, key: &str, owed: Owed) -> Result<()> {
        let object = match self.within(primary.stat(key)).await {
            Ok(object) => self.allowing(object.size, primary.load(key)).await,
            Err(error) => Err(error),
        };
        match object {
            // Nobody asked for what is there to be replaced.
            Ok(data) if owed.kind <= Kind::Differs => self.create(key, &data).await?,
            Ok(data) => self.replace(key, &data).await?,
            Err(error) if error.code() == ErrorCode::NOT_FOUND => {
                if owed.kind == Kind::Removed {
                    if !self.check_store(primary).await? {
                        return Ok(());
                    }
                    self.within(self.part().delete(key)).await?;
                }
            }
            Err(error) => return Err(error),
        }
        self.state().settle(key, owed);
        Ok(())
    }

    /// Copies what the replica lacks of a session, and settles what it holds in another size. What it holds beyond that stays there: a listing
    /// is no evidence that it was removed.
    async fn compare_session(
        &self,
        primary: &dyn DynStorage,
        session: &str,
        until: Instant,
        failure: &mut Option<Error>,
    ) -> Result<()> {
        let copies = self.list(self.part(), session).await?;
        let objects = self.list(primary, session).await?;
        let mut differing: Vec<(&String, Kind)> = {
            let state = self.state();
            let kind = |key: &String, size: &u64| match copies.get(key) {
                None => Some(Kind::Added),
                Some(copy) => (copy != size && !state.disputed.contains(key)).then_some(Kind::Differs),
            };
            objects.iter().filter_map(|(key, size)| Some((key, kind(key, size)?))).collect()
        };
        differing.sort_by_key(|(key, kind)| order(key, *kind));
        if !differing.is_empty() {
            let count = differing.len();
            tracing::info!(replica = self.name(), session, count, "the replica catches up");
        }
        let (added, other): (Vec<_>, Vec<_>) =
            differing.into_iter().partition(|(_, kind)| *kind == Kind::Added);
        for (key, kind) in added {
            // The next write compares what is still missing then.
            if Instant::now() >= until {
                return Ok(());
            }
            self.owe(key, kind);
            self.make_up(primary, key, failure).await?;
        }
        other.iter().for_each(|(key, kind)| self.owe(key, *kind));
        self.state().compared(session);
        for (key, _) in other {
            if Instant::now() >= until {
                return Ok(());
            }
            self.make_up(primary, key, failure).await?;
        }
        Ok(())
    }

    /// The objects below a prefix, with their sizes.
    async fn list(&self, storage: &dyn DynStorage, prefix: &str) -> Result<BTreeMap<String, u64>> {
        let mut objects = BTreeMap::new();
        let mut request = ListRequest::below(prefix);
        loop {
            let page = self.within(storage.list(request.clone())).await?;
            objects.extend(page.objects.into_iter().map(|object| (object.key, object.size)));
            if page.next.is_none() {
                return Ok(objects);
            }
            request = request.continued(page.next);
        }
    }
}

/// The prefix of the session that a key belongs to: `agents/<agent>/<session>/`.
pub(crate) fn session_prefix(key: &str) -> Option<&str> {
    let mut slashes = key.match_indices('/').map(|(at, _)| at);
    let end = slashes.nth(2)?;
    key.starts_with("agents/").then(|| key.get(..=end)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marker::MARKER;

    #[test]
    fn a_key_names_its_session() {
        assert_eq!(session_prefix("agents/a/s/d/0000000001"), Some("agents/a/s/"));
        assert_eq!(session_prefix("agents/a/s/w/0000000001/x/0"), Some("agents/a/s/"));
        for key in [MARKER, "quarantine/agents/a/s/d", "agents/a/s", "agents/a"] {
            assert_eq!(session_prefix(key), None, "{key}");
        }
    }
}
