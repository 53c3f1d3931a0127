//! Where a session stands: the cheap question of whether anything of what one knows of it is out of date.

use super::Store;
use super::head::View;
use crate::observe::Operation;
use crate::{Result, SessionRef, SnapshotIndex};

/// How far a session's history and the decisions about it have come. While both are the same, so is everything that a
/// listing of the session shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Position {
    /// The highest index that was ever used, whether or not there is still a snapshot; `None` before the first save.
    pub last_index: Option<SnapshotIndex>,
    /// The number of the last decision (a deletion, a changed label, a collection); 0 before the first.
    pub decision: u64,
}

impl Store {
    /// Tells how far a session has come. For a session that this store has saved to or asked about before it takes three
    /// small requests, however long the session is, and it always shows what other processes did before the call.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) without such a store; otherwise what the backend reports. A
    /// session that does not exist is no error.
    pub async fn position(&self, session: &SessionRef) -> Result<Position> {
        let operation = self.operation(Operation::Position, session);
        let work = async {
            self.open_marker().await?;
            let known = self.remembered(session);
            let view = match &known {
                Some(View { head: Some(head), decisions, .. }) => {
                    match self.find_head(session, Some(head.get()), decisions.clone()).await {
                        Ok(found) if found.head >= Some(*head) => found,
                        // What is remembered may be of a session that was removed by hand and begun anew.
                        _ => self.read_view(session).await?,
                    }
                }
                _ => self.read_view(session).await?,
            };
            let position = Position { last_index: view.head, decision: view.decisions.seq };
            let same =
                known.is_some_and(|known| known.head == view.head && known.decisions == view.decisions);
            // A view that is still right may know more of the head than a new one.
            if !same {
                match view.head {
                    Some(_) => self.remember(session, view),
                    None => self.forget(session),
                }
            }
            Ok(position)
        };
        operation.run(work).await
    }
}
