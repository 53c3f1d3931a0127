//! Restoring and showing one snapshot.

use super::errors::{deleted, missing, no_session, no_snapshot, no_snapshot_here};
use super::fetch::{Fetched, READ_ATTEMPTS, Reading, too_busy_to_read};
use super::manifest::Decisions;
use super::objects::Located;
use super::{Store, purpose};
use crate::format::{Header, Record};
use crate::observe::Operation;
use crate::{ErrorKind, Restored, Result, SessionRef, SnapshotIndex, SnapshotInfo, SnapshotRef, key};

/// A live snapshot, without its state.
pub(super) struct Live {
    pub(super) header: Box<Header>,
    /// The length of its object.
    pub(super) stored_bytes: u64,
    /// What held when it was found.
    pub(super) decisions: Decisions,
}

impl Store {
    /// Gives back a snapshot's state, byte for byte; every byte that was read has been checked.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the snapshot does not exist or was deleted, [`ErrorKind::Integrity`] when its object
    /// is damaged or gone, [`ErrorKind::Plugin`] when its codec is not installed; otherwise what the backend reports.
    pub async fn restore(&self, reference: &SnapshotRef) -> Result<Restored> {
        let operation = self.operation(Operation::Restore, reference);
        let work = async {
            self.open_marker().await?;
            purpose::consulting(|| self.restore_once(reference)).await
        };
        operation.run(work).await
    }

    async fn restore_once(&self, reference: &SnapshotRef) -> Result<Restored> {
        let session = &reference.session;
        let fetched = match reference.index {
            Some(index) => self.fetch_named(session, index).await?,
            None => self.fetch_newest(session).await?,
        };
        let (fetched, state) = self.build_state(fetched).await?;
        let info = self.info(&fetched.header, fetched.stored_bytes, &fetched.decisions);
        Ok(Restored { info, state })
    }

    /// Reads a snapshot's metadata, without its state.
    ///
    /// # Errors
    /// As [`restore`](Store::restore), as far as the object's header goes.
    pub async fn show(&self, reference: &SnapshotRef) -> Result<SnapshotInfo> {
        let operation = self.operation(Operation::Show, reference);
        let work = async {
            self.open_marker().await?;
            let session = &reference.session;
            let index = self.resolve(reference).await?;
            let live = self.find_live(session, index).await?;
            Ok(self.info(&live.header, live.stored_bytes, &live.decisions))
        };
        operation.run(work).await
    }

    /// The index that a reference names: its own, or that of the newest snapshot.
    pub(super) async fn resolve(&self, reference: &SnapshotRef) -> Result<SnapshotIndex> {
        let session = &reference.session;
        if let Some(index) = reference.index {
            return Ok(index);
        }
        let mut view = self.read_view(session).await?;
        self.know_head(session, &mut view).await?;
        view.newest.ok_or_else(|| no_session(session))
    }

    /// Reads the live snapshot at an index.
    pub(super) async fn fetch_named(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
    ) -> Result<Box<Fetched>> {
        for _ in 0..READ_ATTEMPTS {
            match self.fetch(session, index, None).await? {
                Reading::Found(fetched) => return Ok(fetched),
                Reading::NoSnapshot => return Err(no_snapshot_here(session, index)),
                Reading::Nothing => self.confirm_absence(session, index).await?,
            }
        }
        Err(too_busy_to_read(session))
    }

    /// Finds the live snapshot at an index, without its state.
    pub(super) async fn find_live(&self, session: &SessionRef, index: SnapshotIndex) -> Result<Live> {
        for _ in 0..READ_ATTEMPTS {
            let found = self.read_record(session, index, &key::snapshot_key(session, index)).await;
            // After the record's answer: a deletion that was acknowledged before is then certainly seen.
            let decisions = self.read_decisions(session, None).await?;
            match self.locate(session, index, found, decisions).await? {
                Reading::Found(live) => return Ok(live),
                Reading::NoSnapshot => return Err(no_snapshot_here(session, index)),
                Reading::Nothing => self.confirm_absence(session, index).await?,
            }
        }
        Err(too_busy_to_read(session))
    }

    /// Reads the newest live snapshot.
    pub(super) async fn fetch_newest(&self, session: &SessionRef) -> Result<Box<Fetched>> {
        'view: for _ in 0..READ_ATTEMPTS {
            let view = self.read_view(session).await?;
            let mut candidate = view.head;
            while let Some(index) = candidate.filter(|index| index.get() >= view.decisions.boundary) {
                if view.decisions.is_live(index) {
                    match self.fetch(session, index, Some(view.decisions.clone())).await {
                        Ok(Reading::Found(fetched)) => return Ok(fetched),
                        Ok(Reading::Nothing) => {
                            return Err(missing(session, index, &key::snapshot_key(session, index)));
                        }
                        // A seal: the one before is the newest.
                        Ok(Reading::NoSnapshot) => {}
                        // Deleted just now, and by now there may be newer ones than the view has.
                        Err(error) if error.kind() == ErrorKind::NotFound => continue 'view,
                        Err(error) => return Err(error),
                    }
                }
                candidate = index.previous();
            }
            return Err(no_session(session));
        }
        Err(too_busy_to_read(session))
    }

    /// Tells what a record that was read means under the decisions, and follows it to where it was rewritten.
    pub(super) async fn judge(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        found: Result<Option<Located>>,
        decisions: Decisions,
    ) -> Result<Reading<SnapshotInfo>> {
        Ok(match self.locate(session, index, found, decisions).await? {
            Reading::Found(live) => {
                Reading::Found(self.info(&live.header, live.stored_bytes, &live.decisions))
            }
            Reading::NoSnapshot => Reading::NoSnapshot,
            Reading::Nothing => Reading::Nothing,
        })
    }

    /// As [`judge`](Store::judge), for a caller that needs the header.
    pub(super) async fn locate(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        mut found: Result<Option<Located>>,
        mut decisions: Decisions,
    ) -> Result<Reading<Live>> {
        loop {
            if !decisions.is_live(index) {
                return Err(deleted(session, index));
            }
            let mut key = key::snapshot_key(session, index);
            if let Some(generation) = decisions.place(index) {
                key = key::rewritten_key(session, generation, index);
                found = self.read_record(session, index, &key).await;
            }
            match found? {
                Some(Located { record: Record::Snapshot(header), stored_bytes }) => {
                    return Ok(Reading::Found(Live { header, stored_bytes, decisions }));
                }
                Some(Located { record: Record::Mark(mark), .. }) if !mark.is_moved() => {
                    return Ok(Reading::NoSnapshot);
                }
                None if decisions.place(index).is_none() => return Ok(Reading::Nothing),
                _ => {}
            }
            // It was rewritten once more between the two requests, or it is lost.
            let seq = decisions.seq;
            decisions = self.read_decisions(session, Some(decisions)).await?;
            if decisions.seq == seq {
                return Err(missing(session, index, &key));
            }
            found = Ok(None);
        }
    }

    /// What a header and the decisions tell of a snapshot.
    pub(super) fn info(&self, header: &Header, stored_bytes: u64, decisions: &Decisions) -> SnapshotInfo {
        let mut info = SnapshotInfo::new(header, stored_bytes, &self.options().storage_name);
        if let Some(changes) = decisions.labels.get(&info.snapshot_index) {
            info.change_labels(changes);
        }
        info
    }

    /// Says why nothing was found at an index: it was deleted, never written, or lost. No error says that it has been
    /// written since.
    async fn confirm_absence(&self, session: &SessionRef, index: SnapshotIndex) -> Result<()> {
        let view = self.read_view(session).await?;
        let Some(head) = view.head else { return Err(no_session(session)) };
        if !view.decisions.is_live(index) {
            return Err(deleted(session, index));
        }
        if index > head {
            return Err(no_snapshot(session, index, head.get()));
        }
        let key = key::snapshot_key(session, index);
        // The head may have come to the index only after the index was looked at.
        if self.object_exists(&key).await? { Ok(()) } else { Err(missing(session, index, &key)) }
    }
}
