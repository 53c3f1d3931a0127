//! A listing, session by session.

use persist_host::retention::Candidate;
use persist_host::{Error, ErrorKind, Result, SessionRef, SnapshotInfo, key};

/// What a listing shows of one session.
pub(super) struct Listed {
    pub(super) session: SessionRef,
    /// The snapshots, by ascending index.
    pub(super) snapshots: Vec<Candidate>,
    /// Why others could not be read.
    unreadable: Vec<Error>,
}

impl Listed {
    /// Refuses a session of which not every snapshot could be read: what the rules would make of the others depends on
    /// the timestamps and labels of those that are missing.
    ///
    /// # Errors
    ///
    /// The refusal, with the first unreadable snapshot's error as its cause.
    pub(super) fn check(&mut self) -> Result<()> {
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
    pub(super) fn refusal(&self, cause: Error) -> Error {
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

/// Gathers the items of a listing, which come session by session.
#[derive(Default)]
pub(super) struct Sessions {
    current: Option<Listed>,
    stray: Vec<Error>,
}

impl Sessions {
    /// Adds an item, and gives back the session that it ends.
    ///
    /// # Errors
    ///
    /// The item, when it is an error that is not about one stored object.
    pub(super) fn add(&mut self, item: Result<SnapshotInfo>) -> Result<Option<Listed>> {
        match item {
            Ok(info) => Ok(self.add_snapshot(&info)),
            Err(error) if is_of_an_object(&error) => {
                // The first rows of a session may be the unreadable ones: whose they are, their keys say.
                match &mut self.current {
                    Some(current) if is_of(&error, &current.session) => current.unreadable.push(error),
                    _ => self.stray.push(error),
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Ends the last session.
    pub(super) fn finish(&mut self) -> Option<Listed> {
        self.current.take()
    }

    /// The errors that belong to no session of which a snapshot could be read.
    pub(super) fn stray(&self) -> &[Error] {
        &self.stray
    }

    fn add_snapshot(&mut self, info: &SnapshotInfo) -> Option<Listed> {
        let (session, snapshot) = (info.session(), Candidate::from(info));
        if let Some(current) = self.current.as_mut().filter(|current| current.session == session) {
            current.snapshots.push(snapshot);
            return None;
        }
        let earlier = std::mem::take(&mut self.stray);
        let (unreadable, stray) = earlier.into_iter().partition(|error| is_of(error, &session));
        self.stray = stray;
        self.current.replace(Listed { session, snapshots: vec![snapshot], unreadable })
    }
}

fn is_of_an_object(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible) && key_of(error).is_some()
}

fn is_of(error: &Error, session: &SessionRef) -> bool {
    key_of(error).is_some_and(|key| key.starts_with(&key::session_prefix(session)))
}

fn key_of(error: &Error) -> Option<&str> {
    error.context().iter().find(|(name, _)| *name == "key").map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use persist_host::retention::RetentionError;
    use persist_host::{SnapshotIndex, Timestamp};

    use super::*;

    fn listed(unreadable: Vec<Error>) -> Listed {
        Listed { session: "a/s".parse().unwrap(), snapshots: Vec::new(), unreadable }
    }

    fn damaged(key: &str) -> Error {
        Error::new(ErrorKind::Integrity, "object_damaged", "damaged").with_context("key", key)
    }

    #[test]
    fn an_error_belongs_to_the_session_that_its_key_lies_under() {
        let mut sessions = Sessions { current: Some(listed(Vec::new())), stray: Vec::new() };
        for key in ["agents/a/s/d/0000000001", "agents/a/s2/d/0000000000", "persist-store.json"] {
            assert!(sessions.add(Err(damaged(key))).unwrap().is_none());
        }
        assert_eq!(sessions.stray().len(), 2);
        let error = sessions.finish().unwrap().check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert_eq!(error.context(), [("key", "agents/a/s/d/0000000001".to_owned())]);
    }

    #[test]
    fn what_is_not_about_an_object_ends_the_listing() {
        let mut sessions = Sessions::default();
        let backend =
            Error::new(ErrorKind::Unavailable, "backend_unavailable", "gone").with_context("key", "k");
        assert_eq!(sessions.add(Err(backend)).err().unwrap().kind(), ErrorKind::Unavailable);
        let nowhere = Error::new(ErrorKind::Integrity, "object_damaged", "somewhere");
        assert!(sessions.add(Err(nowhere)).is_err(), "without a key, any session may be meant");
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
