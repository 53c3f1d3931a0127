//! Restoring many snapshots of a session: what they share is read and decoded once.

use std::collections::HashMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::super::Store;
use super::super::chain::Chain;
use super::super::manifest::Decisions;
use super::super::purpose;
use super::{Fetched, Found, Hashing};
use crate::format::SnapshotObject;
use crate::observe::Operation;
use crate::{ErrorKind, Restored, Result, SessionRef, SnapshotIndex, SnapshotRef, key};

/// How many objects are read at once.
const OBJECTS_AT_ONCE: usize = 16;

/// A snapshot whose chain is known.
struct Built {
    object: SnapshotObject,
    chain: Chain,
}

impl Store {
    /// Gives back the states of several snapshots of a session, in the order in which they are asked for. As each is checked
    /// like one that is [restored](Store::restore) by itself, an error stands for one that cannot be given back; the others
    /// still come.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a store.
    pub async fn restore_many(
        &self,
        session: &SessionRef,
        indices: &[SnapshotIndex],
    ) -> Result<Vec<Result<Restored>>> {
        let operation = self.operation(Operation::RestoreMany, session);
        let work = async {
            self.open_marker().await?;
            let mut chains = HashMap::new();
            let mut built = HashMap::new();
            let mut ascending = indices.to_vec();
            ascending.sort_unstable();
            ascending.dedup();
            for index in ascending {
                // What is not as it usually is, is left to `restore`, which also tells why.
                let building = purpose::copies(self.build_chain(session, index, &mut chains));
                if let Ok(Some(found)) = building.await {
                    built.insert(index, found);
                }
            }
            // After all that was read: a deletion that was acknowledged before is then certainly seen.
            let decisions = self.read_decisions(session, None).await;
            let mut restored = Vec::with_capacity(indices.len());
            for index in indices {
                let usual = decisions
                    .as_ref()
                    .ok()
                    .filter(|held| held.is_live(*index) && held.place(*index).is_none());
                let built = usual.and_then(|held| Some((built.remove(index)?, held.clone())));
                let one = match built {
                    Some((built, decisions)) => self.restore_built(session, *index, built, decisions).await,
                    None => self.restore_alone(session, *index).await,
                };
                restored.push(match one {
                    Err(error) if error.kind() == ErrorKind::Integrity => {
                        self.restore_alone(session, *index).await
                    }
                    one => one,
                });
            }
            Ok(restored)
        };
        operation.run(work).await
    }

    async fn restore_alone(&self, session: &SessionRef, index: SnapshotIndex) -> Result<Restored> {
        self.restore(&SnapshotRef { session: session.clone(), index: Some(index) }).await
    }

    async fn restore_built(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        built: Built,
        decisions: Decisions,
    ) -> Result<Restored> {
        let Built { object, chain } = built;
        let stored_bytes = object.bytes().len() as u64;
        let key = key::snapshot_key(session, index);
        let header = object.into_header();
        let fetched = Box::new(Fetched { header, key, stored_bytes, chain, hash: None, decisions });
        let (fetched, state) = self.build_state(fetched).await?;
        Ok(Restored { info: self.info(&fetched.header, fetched.stored_bytes, &fetched.decisions), state })
    }

    /// Reads a snapshot and those of its ancestors that are not known yet; `None` when it does not lie under its own key, or
    /// does not fit to them.
    async fn build_chain(
        &self,
        session: &SessionRef,
        index: SnapshotIndex,
        chains: &mut HashMap<SnapshotIndex, Chain>,
    ) -> Result<Option<Built>> {
        let Found::Snapshot(object) = self.look(session, index, &key::snapshot_key(session, index)).await?
        else {
            return Ok(None);
        };
        let mut below = None;
        if let Some(delta) = &object.header().storage.delta {
            let known = delta.ancestors.iter().position(|ancestor| chains.contains_key(ancestor));
            // The farthest first. Owned, so that the requests borrow nothing of the object.
            let unknown: Vec<SnapshotIndex> =
                delta.ancestors.iter().take(known.unwrap_or(delta.ancestors.len())).rev().copied().collect();
            below = known.and_then(|at| chains.get(delta.ancestors.get(at)?).cloned());
            let reads = unknown.clone().into_iter().map(|ancestor| async move {
                let key = key::snapshot_key(session, ancestor);
                let Some(object) = self.read_content(&key).await? else { return Ok(None) };
                self.parse_snapshot(session, ancestor, &key, object).await.map(Some)
            });
            let objects: Vec<_> = stream::iter(reads).buffered(OBJECTS_AT_ONCE).try_collect().await?;
            for (ancestor, object) in unknown.into_iter().zip(objects) {
                let Some(object) = object else { return Ok(None) };
                let chain = self.stack(session, below, &object, Hashing::No).await?.0;
                chains.insert(ancestor, chain.clone());
                below = Some(chain);
            }
            let digest = below.as_ref().map(Chain::digest);
            if digest != Some(delta.ancestors_digest) {
                return Ok(None);
            }
        }
        let (chain, _) = self.stack(session, below, &object, Hashing::No).await?;
        chains.insert(index, chain.clone());
        Ok(Some(Built { object: *object, chain }))
    }
}
