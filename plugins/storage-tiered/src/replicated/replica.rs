//! One replica: how it follows the primary.

mod copies;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use persist_plugin_api::{DynStorage, Error, ErrorCode, Part, ReadPurpose, Result};

use super::catch_up::session_prefix;
use super::owed::{Change, Kind, State};

/// How many keys may be written to a replica at once, about; see [`Replica::one_at_a_time`].
const STRIPES: usize = 64;

/// What a transfer is given besides the time limit: a second for so many bytes.
const BYTES_PER_SECOND: u64 = 1_000_000;

/// A replica and what it is known to lack.
pub(crate) struct Replica {
    number: usize,
    name: String,
    part: Part,
    pub(super) limit: Duration,
    state: Mutex<State>,
    /// Catching up is done by one write at a time.
    pub(super) catching_up: tokio::sync::Mutex<()>,
    stripes: Vec<tokio::sync::Mutex<()>>,
}

impl Replica {
    pub(crate) fn new(number: usize, part: Part, limit: Duration) -> Self {
        Self {
            number,
            name: format!("replicas[{number}]"),
            part,
            limit,
            state: Mutex::default(),
            catching_up: tokio::sync::Mutex::default(),
            stripes: std::iter::repeat_with(tokio::sync::Mutex::default).take(STRIPES).collect(),
        }
    }

    /// Its place in the config.
    pub(crate) fn number(&self) -> usize {
        self.number
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
        self.state().same_store == Some(false)
    }

    /// Whether it is known to lack something.
    pub(crate) fn is_behind(&self) -> bool {
        let state = self.state();
        state.failing || state.count() > 0
    }

    /// Waits for no longer than the limit.
    pub(crate) async fn within<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.allowing(0, call).await
    }

    /// Waits for the transfer of an object for no longer than the limit and what its size takes.
    pub(crate) async fn allowing<T>(&self, size: u64, call: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.limit + Duration::from_secs(size / BYTES_PER_SECOND);
        tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            let (name, seconds) = (&self.name, limit.as_secs());
            let message =
                format!("{name} or the primary gave no answer within {seconds} s (replica_timeout, and more for large objects)");
            Err(Error::new(ErrorCode::TIMEOUT, message).retryable(true))
        })
    }

    /// Remembers that the replica may hold other than the primary under a key.
    pub(crate) fn owe(&self, key: &str, kind: Kind) {
        if !self.is_foreign() && self.state().owe(key, kind) {
            tracing::warn!(
                replica = self.name,
                "the replica misses too many objects to remember; sessions are compared when they are written to again. Once it \
                 can be written to, stop the writers and copy the primary to it with the backend's own tools"
            );
        }
    }

    /// Does what the primary confirmed, which is owed since. `overlapped` says that it need not be the last word.
    pub(crate) async fn follow(
        &self,
        primary: &dyn DynStorage,
        key: &str,
        change: Change<'_>,
        overlapped: bool,
    ) {
        let begun = Instant::now();
        if self.is_foreign() || !self.state().breaker.allows(begun) {
            return;
        }
        // The read-back of a replica, like the reads of the primary here, decide what is written.
        let following = self.try_follow(primary, key, change, overlapped);
        match ReadPurpose::Decide.scope(following).await {
            Ok(()) => {
                let mut state = self.state();
                state.breaker.succeeded();
                if std::mem::take(&mut state.failing) {
                    tracing::info!(replica = self.name, "the replica can be written to again");
                }
            }
            Err(error) => self.failed(key, &error, begun.elapsed()),
        }
    }

    async fn try_follow(
        &self,
        primary: &dyn DynStorage,
        key: &str,
        change: Change<'_>,
        overlapped: bool,
    ) -> Result<()> {
        if self.state().same_store.is_none() && !self.check_store(primary).await? {
            return Ok(());
        }
        if let Change::Created(_) = change {
            self.apply(primary, key, change, overlapped).await?;
            // Its own key is done. What else is missing must not be forgotten, but nobody waits for another who is at it.
            let Ok(_one) = self.catching_up.try_lock() else { return Ok(()) };
            return self.catch_up(primary, key).await;
        }
        // What replaces or removes may rest on what the replica still lacks: that comes first, or this stays owed.
        {
            let _one = self.within(async { Ok(self.catching_up.lock().await) }).await?;
            self.catch_up(primary, key).await?;
        }
        match self.may_change(key) && !self.is_foreign() {
            true => self.apply(primary, key, change, overlapped).await,
            false => Ok(()),
        }
    }

    /// Whether the replica has all that a replacement or removal under the key may rest on.
    pub(super) fn may_change(&self, key: &str) -> bool {
        let Some(session) = session_prefix(key) else { return true };
        let state = self.state();
        state.compared.contains(session) && !state.lacks_additions(session)
    }

    async fn apply(
        &self,
        primary: &dyn DynStorage,
        key: &str,
        change: Change<'_>,
        overlapped: bool,
    ) -> Result<()> {
        let _one = self.one_at_a_time(key).await;
        let Some(owed) = self.state().owed(key) else { return Ok(()) };
        if overlapped || owed.kind != change.kind() {
            return self.level(primary, key, owed).await;
        }
        match change {
            Change::Created(data) => self.create(key, data).await?,
            Change::Replaced(data) => self.put(key, data).await?,
            Change::Removed => self.within(self.part.delete(key)).await?,
        }
        self.state().settle(key, owed);
        Ok(())
    }

    /// Keeps others from writing under the key meanwhile: what was read from the primary before another replaced it there must
    /// not come after that.
    pub(super) async fn one_at_a_time(&self, key: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let stripe = usize::try_from(hasher.finish() % STRIPES as u64).unwrap_or_default();
        Some(self.stripes.get(stripe)?.lock().await)
    }

    /// Warns that it is not read in the primary's place, once until it is again.
    pub(crate) fn not_read(&self, why: &str, error: Option<&Error>) {
        let (error, code) = (error.map(ToString::to_string), error.map(|error| error.code().name()));
        if std::mem::replace(&mut self.state().unread, true) {
            tracing::debug!(replica = self.name, why, code, error, "the replica is still not read");
        } else {
            tracing::warn!(
                replica = self.name,
                why,
                code,
                error,
                "the replica is not read in the primary's place"
            );
        }
    }

    pub(crate) fn was_read(&self) {
        self.state().unread = false;
    }

    fn failed(&self, key: &str, error: &Error, took: Duration) {
        let mut state = self.state();
        state.breaker.failed(Instant::now(), took);
        let (owed, code) = (state.count(), error.code().name());
        let cause = std::error::Error::source(error).map(ToString::to_string);
        if std::mem::replace(&mut state.failing, true) {
            tracing::debug!(replica = self.name, key, code, %error, cause, owed, "the replica still misses writes");
        } else {
            tracing::warn!(
                replica = self.name, key, code, %error, cause,
                "the replica missed a write, which is safe in the primary; this process makes up for it at a later write; \
                 if it ends before, the next process that writes to the session does, but for removals"
            );
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
