//! Which sessions to move between stores, and moving them.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};

use crate::{Copied, CopyOptions, RefPattern, Result, SessionRef, SnapshotIndex, Store};

/// How many sessions are copied at once; each takes the memory of about a state and what that is built from.
pub(crate) const SESSIONS_AT_ONCE: usize = 4;

/// The sessions to take from one store, each with the last snapshot to take; `None` is the newest.
#[derive(Default)]
pub struct Selection {
    sessions: BTreeMap<SessionRef, Option<SnapshotIndex>>,
}

impl Selection {
    /// Adds the sessions of a store that a pattern covers.
    ///
    /// # Errors
    ///
    /// As [`Store::sessions`]: what cannot be told to be a session is an error too.
    pub async fn add(&mut self, store: &Store, pattern: &RefPattern) -> Result<()> {
        let pattern_of_sessions = RefPattern { index: None, ..pattern.clone() };
        let mut sessions = pin!(store.sessions(&pattern_of_sessions));
        while let Some(session) = sessions.try_next().await? {
            let until = self.sessions.entry(session).or_insert(pattern.index);
            // Asked for twice, the longer part counts.
            *until = match (*until, pattern.index) {
                (Some(one), Some(other)) => Some(one.max(other)),
                _ => None,
            };
        }
        Ok(())
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Copies the sessions, some at once, as [`Store::copy_session`] does. The results come in the order of the sessions;
    /// an error in one does not keep the others from being copied. `progress` is called for every snapshot.
    pub fn copy<'a>(
        &'a self,
        from: &'a Store,
        to: &'a Store,
        verify: bool,
        progress: &'a (dyn Fn(SnapshotIndex) + Sync),
    ) -> impl Stream<Item = (&'a SessionRef, Result<Copied>)> + 'a {
        stream::iter(&self.sessions)
            .map(move |(session, until)| async move {
                let options = CopyOptions { until: *until, verify };
                (session, from.copy_session(to, session, options, progress).await)
            })
            .buffered(SESSIONS_AT_ONCE)
    }
}
