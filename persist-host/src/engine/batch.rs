//! Saving many snapshots: sessions side by side, the snapshots of one session one after the other.

use std::collections::HashMap;

use futures_util::{StreamExt as _, stream};

use super::Store;
use crate::{Error, ErrorKind, Result, SaveRequest, SessionRef, SnapshotInfo};

impl Store {
    /// Saves many snapshots. Those of one session are saved in the given order; up to `concurrency` sessions (at least
    /// one) are saved to at once.
    ///
    /// The results are in the order of the requests. After the first failure in a session its later requests are not
    /// attempted, and their results say so; other sessions go on. Dropping the future leaves what was saved by then.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn save_many(
        &self,
        requests: impl IntoIterator<Item = SaveRequest>,
        concurrency: usize,
    ) -> Vec<Result<SnapshotInfo>> {
        let mut sessions: Vec<Vec<(usize, SaveRequest)>> = Vec::new();
        let mut places: HashMap<SessionRef, usize> = HashMap::new();
        for (at, request) in requests.into_iter().enumerate() {
            let place = *places.entry(request.session.clone()).or_insert(sessions.len());
            match sessions.get_mut(place) {
                Some(session) => session.push((at, request)),
                None => sessions.push(vec![(at, request)]),
            }
        }
        let saved = stream::iter(sessions).map(|session| self.save_in_order(session));
        let mut results: Vec<_> = saved.buffer_unordered(concurrency.max(1)).concat().await;
        results.sort_unstable_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    }

    async fn save_in_order(&self, requests: Vec<(usize, SaveRequest)>) -> Vec<(usize, Result<SnapshotInfo>)> {
        let mut results = Vec::with_capacity(requests.len());
        let mut failed = None;
        for (at, request) in requests {
            let result = match failed {
                None => self.save(request).await,
                Some(failed) => Err(not_attempted(&request.session, failed)),
            };
            if result.is_err() {
                failed.get_or_insert(at);
            }
            results.push((at, result));
        }
        results
    }
}

fn not_attempted(session: &SessionRef, failed: usize) -> Error {
    let message = format!(
        "the snapshot was not saved, because the request {failed} of the batch, for the same session {session}, failed"
    );
    Error::new(ErrorKind::Other, "save_not_attempted", message)
        .with_context("failed_request", failed)
        .with_hint("see to that one first, then save this one again")
}
