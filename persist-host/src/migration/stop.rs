//! When a migration ends early: what one session after the other fails with, the rest would fail with, too.

use std::error::Error as StdError;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, select};
use persist_plugin_api::{self as plugin, ErrorCode};
use tokio::sync::watch;

use crate::{Error, ErrorKind, Result, SessionRef};

/// How many sessions fail one after the other because of a storage as a whole before the rest is given up.
const FAILURES_IN_A_ROW: u32 = 8;

/// Whether a migration goes on.
#[derive(Default)]
pub(super) struct Stop {
    stopped: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many sessions failed since one did not.
    failures: u32,
    /// What the migration ends with.
    error: Option<Error>,
}

impl Stop {
    /// Takes note of what a session came to, in the order in which they are done. `None` for the error that the migration
    /// ends with, and for what is done after it was stopped.
    pub(super) fn note<T>(&self, session: &SessionRef, result: Result<T>) -> Option<Result<T>> {
        let mut state = self.state();
        match result {
            Ok(done) => {
                state.failures = 0;
                Some(Ok(done))
            }
            Err(error) if is_of_storage(&error) => {
                state.failures += 1;
                if state.failures < FAILURES_IN_A_ROW {
                    return Some(Err(error));
                }
                let message = format!(
                    "the migration was stopped: {FAILURES_IN_A_ROW} sessions one after the other failed because of a \
                     storage, the last of them {session}; the rest was not looked at"
                );
                self.stop(state, ended(message, error).with_context("session", session));
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Stops because the sessions cannot be listed any further.
    pub(super) fn unlisted(&self, error: Error) {
        let message = "the migration was stopped: the sessions cannot be listed any further, and the rest was not \
                       looked at";
        self.stop(self.state(), ended(message, error));
    }

    /// What the work comes to; `None` if the migration is stopped meanwhile.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), pin!(self.stopped())).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    /// Waits until the migration is stopped.
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopped = self.stopped.subscribe();
        async move {
            if stopped.wait_for(|stopped| *stopped).await.is_err() {
                // The migration is gone, and was never stopped.
                std::future::pending::<()>().await;
            }
        }
    }

    /// What the migration ends with, if it was stopped.
    pub(super) fn take(&self) -> Option<Error> {
        self.state().error.take()
    }

    fn stop(&self, mut state: MutexGuard<'_, State>, error: Error) {
        state.error.get_or_insert(error);
        self.stopped.send_replace(true);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error that a migration ends with.
fn ended(message: impl Into<String>, cause: Error) -> Error {
    Error::new(cause.kind(), cause.code(), message)
        .with_source(cause)
        .with_hint("once the cause is mended, run the same command again; it continues")
}

/// Whether an error is one of a storage as a whole, which any other session would meet as well.
fn is_of_storage(error: &Error) -> bool {
    if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Conflict | ErrorKind::NotFound) {
        return false;
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<plugin::Error>() {
            return matches!(
                error.code(),
                ErrorCode::UNAVAILABLE
                    | ErrorCode::TIMEOUT
                    | ErrorCode::THROTTLED
                    | ErrorCode::CONTAINER_MISSING
                    | ErrorCode::NO_SPACE
                    | ErrorCode::PERMISSION_DENIED
            );
        }
        cause = error.source();
    }
    // Nothing is written any more because an earlier write was left open.
    error.code() == "writing_stopped"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Result<()> {
        let error = plugin::Error::new(ErrorCode::PERMISSION_DENIED, "no");
        Err(Error::from_adapter("cannot write", error))
    }

    #[test]
    fn a_success_begins_the_count_anew_and_an_error_of_a_session_does_not() {
        let (stop, session) = (Stop::default(), "a/s".parse().unwrap());
        for _ in 1..FAILURES_IN_A_ROW {
            assert!(matches!(stop.note(&session, refused()), Some(Err(_))));
        }
        assert!(matches!(stop.note(&session, Ok(())), Some(Ok(()))));
        for _ in 1..FAILURES_IN_A_ROW {
            assert!(matches!(stop.note(&session, refused()), Some(Err(_))));
            let busy = Error::new(ErrorKind::Unavailable, "session_busy", "it changes too fast");
            assert!(matches!(stop.note::<()>(&session, Err(busy)), Some(Err(_))));
        }
        assert!(stop.take().is_none());
        assert!(stop.note(&session, refused()).is_none());
        assert_eq!(stop.take().unwrap().code(), "permission_denied");
    }

    #[tokio::test]
    async fn what_runs_when_it_is_stopped_is_given_up() {
        let stop = Stop::default();
        assert_eq!(stop.unless_stopped(std::future::ready(1)).await, Some(1));
        let cause = Error::from_adapter("cannot list", plugin::Error::new(ErrorCode::TIMEOUT, "no answer"));
        let listing = async { stop.unlisted(cause) };
        let (given_up, ()) = tokio::join!(stop.unless_stopped(std::future::pending::<()>()), listing);
        assert!(given_up.is_none());
        assert_eq!(stop.take().unwrap().kind(), ErrorKind::Unavailable);
    }
}
