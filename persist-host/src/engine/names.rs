//! Names of snapshots: unique among the live snapshots of a session, and found without listing it.
//!
//! Before a save puts a named record, it creates a claim; the claim with the highest number holds the name. Why that
//! keeps names unique stands in `docs/adr/0008-names.md`.

mod claims;

use futures_util::{StreamExt as _, stream};
use persist_plugin_api as plugin;

use super::Store;
use super::head::View;
use super::objects::cannot_read;
use crate::format::Record;
use crate::observe::Operation;
use crate::{
    Error, ErrorKind, Result, SessionRef, SnapshotIndex, SnapshotInfo, SnapshotName, SnapshotRef, WriteId,
    key,
};

/// How many records are read at once when a name is looked for.
const SEARCH_WIDTH: usize = 16;

/// The claim that a save holds.
pub(super) struct Held {
    number: u64,
    /// No live snapshot below this index has the name.
    free_below: SnapshotIndex,
}

impl Store {
    /// Finds the live snapshot with a name.
    ///
    /// It takes a few requests, however long the session is, unless no live snapshot has the name, or it was saved by a
    /// release before 0.2.0 or copied without its claim: then the headers of the session are searched.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when no live snapshot has the name; otherwise what the backend reports.
    pub async fn find_by_name(&self, session: &SessionRef, name: &SnapshotName) -> Result<SnapshotInfo> {
        let operation = self.operation(Operation::FindByName, session);
        let work = async {
            self.open_marker().await?;
            let mut from = 0;
            if let Some(claim) = self.last_claim(session, name, 0).await? {
                // A save usually lands where it was about to.
                if let Some(info) = self.named_at(session, claim.search_from, name).await? {
                    return Ok(info);
                }
                from = claim.search_from.get() + 1;
            }
            let view = self.read_view(session).await?;
            let from = from.max(view.decisions.boundary);
            let found = match view.head {
                Some(head) => self.search(session, name, from..=head.get()).await,
                None => Found::default(),
            };
            if let Some(info) = found.info {
                return Ok(info);
            }
            match found.error {
                Some(error) => Err(error),
                None => {
                    let message =
                        format!("no snapshot of the session {session} has the name {:?}", name.as_str());
                    Err(Error::new(ErrorKind::NotFound, "name_not_found", message))
                }
            }
        };
        operation.run(work).await
    }

    /// Reserves the name of a live snapshot that was stored without a claim, by a release before 0.2.0 or by copying.
    /// Does nothing where that is done already, or where the snapshot has no name. Nobody may be saving under the same
    /// name at the same time.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such snapshot, [`ErrorKind::Conflict`] when another one holds the name;
    /// otherwise what the backend reports.
    pub async fn claim_name(&self, session: &SessionRef, index: SnapshotIndex) -> Result<()> {
        let operation = self.operation(Operation::ClaimName, session);
        let work = async {
            let reference = SnapshotRef { session: session.clone(), index: Some(index) };
            let info = self.show(&reference).await?;
            let Some(name) = &info.name else { return Ok(()) };
            loop {
                let number = match self.last_claim(session, name, 0).await? {
                    Some(claim) => match self.find_by_name(session, name).await {
                        Ok(found) if found.snapshot_index == index => return Ok(()),
                        Ok(found) => return Err(taken(session, name, found.snapshot_index)),
                        Err(error) if error.kind() == ErrorKind::NotFound => claim.number + 1,
                        Err(error) => return Err(error),
                    },
                    None => 0,
                };
                if self.create_claim(session, name, number, info.write_id, index).await? {
                    return Ok(());
                }
            }
        };
        operation.run(work).await
    }

    /// Makes sure that a save may put its record with this name at `index`, the one after the head of `view`. It is
    /// called before every attempt to put one, with what the call before returned.
    pub(super) async fn hold_name(
        &self,
        session: &SessionRef,
        name: &SnapshotName,
        write_id: WriteId,
        index: SnapshotIndex,
        view: &View,
        held: Option<Held>,
    ) -> Result<Held> {
        let boundary = view.decisions.boundary;
        let Some(Held { number, free_below }) = held else {
            return self.take_name(session, name, write_id, index, boundary).await;
        };
        if self.read_claim(session, name, number + 1).await?.is_some() {
            return Err(contested(session, name));
        }
        // Whoever held an earlier claim may have put its record meanwhile; before the first claim there was nobody.
        if number > 0 {
            self.expect_free(session, name, free_below.get().max(boundary)..index.get()).await?;
        }
        Ok(Held { number, free_below: index })
    }

    async fn take_name(
        &self,
        session: &SessionRef,
        name: &SnapshotName,
        write_id: WriteId,
        index: SnapshotIndex,
        boundary: u64,
    ) -> Result<Held> {
        let mut number = 0;
        // Names are mostly new, so creating the first claim is tried before anything is read.
        while !self.create_claim(session, name, number, write_id, index).await? {
            let Some(last) = self.last_claim(session, name, number).await? else {
                let cause = plugin::Error::new(
                    plugin::ErrorCode::OTHER,
                    "the object exists for a writer and not for a reader",
                );
                return Err(cannot_read(&key::claim_key(session, name, number), cause));
            };
            // Also at the very index that the claim speaks of: what this process knows of the head may be old.
            let from = last.search_from.get();
            self.expect_free(session, name, from.max(boundary)..index.get().max(from + 1)).await?;
            number = last.number;
            if last.write_id == write_id {
                // An earlier attempt at the same save made it.
                break;
            }
            number += 1;
        }
        Ok(Held { number, free_below: index })
    }

    /// Checks that no live snapshot in a range of indices has a name.
    async fn expect_free(
        &self,
        session: &SessionRef,
        name: &SnapshotName,
        indices: std::ops::Range<u64>,
    ) -> Result<()> {
        let Some(last) = indices.end.checked_sub(1) else { return Ok(()) };
        let found = self.search(session, name, indices.start..=last).await;
        if let Some(info) = found.info {
            return Err(taken(session, name, info.snapshot_index));
        }
        match found.error {
            // A damaged record must not keep an agent from saving on: `verify` reports it.
            Some(error) if error.kind() == ErrorKind::Integrity => {
                tracing::warn!(%session, %error, "a record that may have the name cannot be read");
                Ok(())
            }
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Looks for the live snapshot with a name in a range of indices.
    async fn search(
        &self,
        session: &SessionRef,
        name: &SnapshotName,
        indices: std::ops::RangeInclusive<u64>,
    ) -> Found {
        let indices = indices.filter_map(|number| SnapshotIndex::new(number).ok());
        let mut records =
            stream::iter(indices).map(|index| self.named_at(session, index, name)).buffered(SEARCH_WIDTH);
        let mut first_error = None;
        while let Some(found) = records.next().await {
            match found {
                Ok(None) => {}
                Ok(info) => return Found { info, error: None },
                Err(error) if error.kind() == ErrorKind::Integrity => {
                    first_error.get_or_insert(error);
                }
                Err(error) => return Found { info: None, error: Some(error) },
            }
        }
        Found { info: None, error: first_error }
    }

    /// The snapshot at an index, if it is live and has the name.
    async fn named_at(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        name: &SnapshotName,
    ) -> Result<Option<SnapshotInfo>> {
        let found = self.read_record(session, index, &key::snapshot_key(session, index)).await?;
        let possible = found.as_ref().is_some_and(|located| match &located.record {
            Record::Snapshot(header) => header.identity.name.as_ref() == Some(name),
            // The stub of a rewritten snapshot does not tell.
            Record::Mark(mark) => mark.is_moved(),
        });
        if !possible {
            return Ok(None);
        }
        let decisions = self.read_decisions(session, None).await?;
        match self.judge(session, index, Ok(found), decisions).await {
            Ok(super::fetch::Reading::Found(info)) => {
                Ok(Some(info).filter(|info| info.name.as_ref() == Some(name)))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What a search for a name gave: the snapshot, or the first error.
#[derive(Default)]
struct Found {
    info: Option<SnapshotInfo>,
    error: Option<Error>,
}

fn taken(session: &SessionRef, name: &SnapshotName, index: SnapshotIndex) -> Error {
    let message =
        format!("the snapshot {session}@{index} has the name {:?} already; nothing was saved", name.as_str());
    Error::new(ErrorKind::Conflict, "name_taken", message)
        .with_context("snapshot_index", index)
        .with_hint("choose another name, or delete that snapshot")
}

/// Another save took the name over before this one's record was there.
fn contested(session: &SessionRef, name: &SnapshotName) -> Error {
    let message = format!(
        "another save to {session} takes the name {:?} at the same time; nothing was saved",
        name.as_str()
    );
    Error::new(ErrorKind::Conflict, "name_taken", message)
        .with_hint("if the other save fails, the name is free again")
}
