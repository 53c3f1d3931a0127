//! What a session holds, as the rules of [`retention`](crate::retention) look at it.

use std::pin::pin;

use futures_util::StreamExt as _;

use crate::retention::{Candidate, KeepRules, Plan, plan};
use crate::{Error, ErrorKind, RefPattern, Result, SessionRef, Store, Timestamp};

/// What a listing shows of one session.
pub struct Listed {
    /// The session.
    pub session: SessionRef,
    /// The snapshots, by ascending index.
    pub snapshots: Vec<Candidate>,
    /// Why others could not be read.
    unreadable: Vec<Error>,
}

impl Listed {
    /// Lists a session.
    ///
    /// # Errors
    ///
    /// The first error that is not about one stored object.
    pub async fn read(store: &Store, session: SessionRef) -> Result<Self> {
        let pattern = RefPattern {
            agent: Some(session.agent.clone()),
            session: Some(session.session.clone()),
            index: None,
        };
        let mut listed = Self { session, snapshots: Vec::new(), unreadable: Vec::new() };
        let mut snapshots = pin!(store.list(&pattern));
        while let Some(item) = snapshots.next().await {
            match item {
                Ok(info) => listed.snapshots.push(Candidate::from(&info)),
                Err(error) if is_of_an_object(&error) => listed.unreadable.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(listed)
    }

    /// Decides which of the snapshots to keep; see [`plan`].
    ///
    /// # Errors
    ///
    /// When one of the session's snapshots could not be read, and as [`plan`]. The message names the session.
    pub fn plan(&mut self, rules: &KeepRules, now: Timestamp) -> Result<Plan> {
        self.check()?;
        plan(rules, &self.snapshots, now).map_err(|error| self.refusal(error.into()))
    }

    /// Whether there is nothing to say of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.snapshots.is_empty() && self.unreadable.is_empty()
    }

    /// Refuses a session of which not every snapshot could be read: what the rules would make of the others depends on
    /// the timestamps and labels of those that are missing.
    ///
    /// # Errors
    ///
    /// The refusal, with the first unreadable snapshot's error as its cause.
    fn check(&mut self) -> Result<()> {
        let mut unreadable = std::mem::take(&mut self.unreadable).into_iter();
        let Some(first) = unreadable.next() else { return Ok(()) };
        let session = &self.session;
        let more = match unreadable.len() {
            0 => String::new(),
            more => format!(", nor can {more} more"),
        };
        let message =
            format!("the session {session} is not pruned: one of its snapshots cannot be read{more}");
        let mut error = Error::new(first.kind(), "session_unreadable", message).with_hint(format!(
            "`persist verify {session}` names what is damaged; bring it back from a backup or delete it, then run the \
             command again"
        ));
        if let Some(key) = key_of(&first) {
            error = error.with_context("key", key);
        }
        Err(error.with_source(first))
    }

    /// Names the session in an error about its plan.
    fn refusal(&self, cause: Error) -> Error {
        let message = format!("the session {} is not pruned", self.session);
        let mut error = Error::new(cause.kind(), cause.code(), message);
        for (name, value) in cause.context() {
            error = error.with_context(name, value);
        }
        if let Some(hint) = cause.hint() {
            error = error.with_hint(hint);
        }
        error.with_source(cause)
    }
}

fn is_of_an_object(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible) && key_of(error).is_some()
}

fn key_of(error: &Error) -> Option<&str> {
    error.context().iter().find(|(name, _)| *name == "key").map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SnapshotIndex;
    use crate::retention::RetentionError;

    fn listed(unreadable: Vec<Error>) -> Listed {
        Listed { session: "a/s".parse().unwrap(), snapshots: Vec::new(), unreadable }
    }

    fn damaged(key: &str) -> Error {
        Error::new(ErrorKind::Integrity, "object_damaged", "damaged").with_context("key", key)
    }

    #[test]
    fn an_error_is_about_an_object_if_it_names_one() {
        assert!(is_of_an_object(&damaged("k")));
        let backend =
            Error::new(ErrorKind::Unavailable, "backend_unavailable", "gone").with_context("key", "k");
        assert!(!is_of_an_object(&backend));
        let nowhere = Error::new(ErrorKind::Integrity, "object_damaged", "somewhere");
        assert!(!is_of_an_object(&nowhere), "without a key, any session may be meant");
    }

    #[test]
    fn a_refusal_counts_what_cannot_be_read() {
        assert!(listed(Vec::new()).check().is_ok());
        let error = listed(vec![damaged("x"), damaged("y"), damaged("z")]).check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the session a/s is not pruned: one of its snapshots cannot be read, nor can 2 more"
        );
    }

    #[test]
    fn a_refused_plan_names_its_session_and_keeps_its_cause() {
        let (timestamp, now) =
            (Timestamp::from_micros(1_000_000_000_000).unwrap(), Timestamp::from_micros(0).unwrap());
        let future = RetentionError::Future { index: SnapshotIndex::FIRST, timestamp, now };
        let error = listed(Vec::new()).refusal(future.clone().into());
        assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, "timestamp_in_future"));
        assert_eq!(error.to_string(), "the session a/s is not pruned");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), future.to_string());
        assert_eq!(error.context()[0], ("snapshot_index", "0".to_owned()));
        assert!(error.hint().is_some());
    }
}
