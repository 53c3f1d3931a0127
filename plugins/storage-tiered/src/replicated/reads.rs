//! Reads where the primary may not answer.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use persist_plugin_api::{BoxFuture, DynStorage, Error, ErrorCode, ReadPurpose, Request, Result};
use tokio::time::timeout;

use super::source::Source;
use super::{ReplicatedStorage, identity};
use crate::marker::MARKER;

/// How many requests are remembered that met a primary which did not answer.
const MAX_CUT_OFF: usize = 64;

/// What became of a read where the primary did not answer.
enum Elsewhere<T> {
    Found(Source, T),
    /// All replicas answered, and none has it.
    Nowhere(Error),
    /// No replica has it that answered, and not all did.
    Unknown,
}

/// The requests that lately met a primary that did not answer: what else they read asks the replicas at once.
#[derive(Default)]
pub(crate) struct CutOff(Mutex<Vec<(Arc<str>, Instant)>>);

impl CutOff {
    fn holds(&self, request: Option<&Arc<str>>, lasts: Duration) -> bool {
        let mut noted = self.lock();
        noted.retain(|(_, since)| since.elapsed() < lasts);
        request.is_some_and(|request| noted.iter().any(|(id, _)| id == request))
    }

    /// Whether it was not noted before.
    fn note(&self, request: Option<&Arc<str>>) -> bool {
        let Some(request) = request else { return true };
        let mut noted = self.lock();
        let before = noted.len();
        noted.retain(|(id, _)| id != request);
        let new = noted.len() == before;
        if noted.len() >= MAX_CUT_OFF {
            noted.remove(0);
        }
        noted.push((Arc::clone(request), Instant::now()));
        new
    }

    fn forget(&self, request: Option<&Arc<str>>) {
        self.lock().retain(|(id, _)| Some(id) != request);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Arc<str>, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReplicatedStorage {
    /// Reads from the primary or, when it does not answer and nothing is decided by the answer, from the first replica that has
    /// the object.
    pub(super) async fn read<'a, T: Send>(
        &'a self,
        what: &str,
        read: impl Fn(&'a dyn DynStorage) -> BoxFuture<'a, Result<T>>,
    ) -> Result<(Source, T)> {
        let purpose = ReadPurpose::current();
        let ask = || async { Ok((Source::Primary, read(&*self.primary).await?)) };
        if purpose == ReadPurpose::Decide {
            return ask().await;
        }
        let request = Request::current().id;
        let mut asked = pin!(ask());
        if self.cut_off.holds(request.as_ref(), self.failover_after) {
            return match self.read_elsewhere(what, &read).await {
                Elsewhere::Found(source, found) => Ok((source, found)),
                Elsewhere::Nowhere(absent) if purpose == ReadPurpose::Consult => Err(absent),
                // Nobody else has it: the primary may answer again.
                _ => while_it_answers(&*self.primary, self.failover_after, asked).await,
            };
        }
        let error = match timeout(self.failover_after, asked.as_mut()).await {
            Ok(Err(error)) if is_unreachable(&error) => Some(error),
            Ok(answer) => return answer,
            // It may be gone, or be slow: what is under way goes on.
            Err(_) => None,
        };
        self.note_cut_off(request.as_ref(), what, error.as_ref());
        let elsewhere = self.read_elsewhere(what, &read);
        let Some(error) = error else {
            let asked = while_it_answers(&*self.primary, self.failover_after, asked);
            let (answer, elsewhere) = match select(pin!(asked), pin!(elsewhere)).await {
                Either::Left((Err(error), elsewhere)) if is_unreachable(&error) => {
                    (Err(error), elsewhere.await)
                }
                Either::Left((answer, _)) => {
                    self.cut_off.forget(request.as_ref());
                    return answer;
                }
                Either::Right((Elsewhere::Found(source, found), _)) => return Ok((source, found)),
                Either::Right((Elsewhere::Nowhere(absent), _)) if purpose == ReadPurpose::Consult => {
                    return Err(absent);
                }
                Either::Right((elsewhere, asked)) => (asked.await, elsewhere),
            };
            return match answer {
                Err(error) if is_unreachable(&error) => conclude(what, elsewhere, error),
                answer => answer,
            };
        };
        conclude(what, elsewhere.await, error)
    }

    /// Asks the replicas one after the other; one that is slow goes on beside the next.
    async fn read_elsewhere<'a, T>(
        &'a self,
        what: &str,
        read: &impl Fn(&'a dyn DynStorage) -> BoxFuture<'a, Result<T>>,
    ) -> Elsewhere<T> {
        let seen = self.seen_marker();
        let (usable, mut all_answered) = identity::usable(&self.replicas, seen.as_ref()).await;
        let mut waiting = usable.into_iter();
        let mut running = FuturesUnordered::new();
        let mut absent = None;
        loop {
            match waiting.next() {
                Some(replica) => running.push(async move {
                    (replica, while_it_answers(replica.part(), replica.limit, read(replica.part())).await)
                }),
                None if running.is_empty() => break,
                None => {}
            }
            let answered = match waiting.len() {
                0 => running.next().await,
                _ => timeout(self.replica_timeout, running.next()).await.ok().flatten(),
            };
            match answered {
                Some((replica, Ok(found))) => {
                    tracing::debug!(replica = replica.name(), what, "a replica answers");
                    replica.was_read();
                    return Elsewhere::Found(Source::Replica(replica.number()), found);
                }
                Some((_, Err(error))) if error.code() == ErrorCode::NOT_FOUND => absent = Some(error),
                Some((replica, Err(error))) => {
                    all_answered = false;
                    replica.not_read("its read failed as well", Some(&error));
                }
                None => {}
            }
        }
        absent.filter(|_| all_answered).map_or(Elsewhere::Unknown, Elsewhere::Nowhere)
    }

    /// Warns once for each request, or each read without one.
    fn note_cut_off(&self, request: Option<&Arc<str>>, what: &str, error: Option<&Error>) {
        if self.cut_off.note(request) {
            let seconds = self.failover_after.as_secs();
            let (code, error) = match error {
                Some(error) => (error.code().name(), error.to_string()),
                None => (ErrorCode::TIMEOUT.name(), format!("no answer within {seconds} s (failover_after)")),
            };
            tracing::warn!(
                what,
                code,
                error,
                "the primary cannot be reached; a replica answers, which may lack the newest, and whose listings may be incomplete"
            );
        }
    }
}

/// Whether an error says that the backend could not be reached, rather than what it answered.
fn is_unreachable(error: &Error) -> bool {
    [ErrorCode::UNAVAILABLE, ErrorCode::TIMEOUT, ErrorCode::CONTAINER_MISSING].contains(&error.code())
}

/// The answer where the primary gave none. That there is no manifest after the last is what ends them. Contents that no
/// replica has are missing there, and not in the store. Nor is a store absent because all replicas are empty.
fn conclude<T>(what: &str, elsewhere: Elsewhere<T>, error: Error) -> Result<(Source, T)> {
    match elsewhere {
        Elsewhere::Found(source, found) => Ok((source, found)),
        Elsewhere::Nowhere(absent) if ReadPurpose::current() == ReadPurpose::Consult && what != MARKER => {
            Err(absent)
        }
        Elsewhere::Nowhere(_) | Elsewhere::Unknown => Err(error),
    }
}

/// Waits for a transfer for as long as the place that it comes from answers a question beside it within the limit.
async fn while_it_answers<T>(
    storage: &dyn DynStorage,
    limit: Duration,
    transfer: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut transfer = pin!(transfer);
    loop {
        if let Ok(done) = timeout(limit, transfer.as_mut()).await {
            return done;
        }
        let question = pin!(timeout(limit, storage.exists(MARKER)));
        match select(transfer.as_mut(), question).await {
            Either::Left((done, _)) => return done,
            Either::Right((Ok(Err(error)), _)) if is_unreachable(&error) => return Err(error),
            Either::Right((Ok(_), _)) => {}
            Either::Right((Err(_), _)) => {
                let message =
                    format!("no answer within {} s, and none while it was waited for", limit.as_secs());
                return Err(Error::new(ErrorCode::TIMEOUT, message).retryable(true));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_cut_off_for_a_while_and_beside_others() {
        let (cut_off, lasts) = (CutOff::default(), Duration::from_secs(60));
        let [one, other]: [Arc<str>; 2] = ["one".into(), "other".into()];
        assert!(cut_off.note(Some(&one)) && cut_off.note(Some(&other)) && !cut_off.note(Some(&one)));
        assert!(cut_off.holds(Some(&one), lasts) && cut_off.holds(Some(&other), lasts));
        assert!(!cut_off.holds(None, lasts));
        cut_off.forget(Some(&other));
        assert!(!cut_off.holds(Some(&other), lasts));
        assert!(!cut_off.holds(Some(&one), Duration::ZERO), "it is over");
        for id in 0..=MAX_CUT_OFF {
            cut_off.note(Some(&id.to_string().into()));
        }
        assert_eq!(cut_off.lock().len(), MAX_CUT_OFF);
    }
}
