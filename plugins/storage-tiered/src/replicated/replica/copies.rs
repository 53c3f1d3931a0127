//! What is written into a replica, and what stays there.

use persist_plugin_api::{Bytes, Error, ErrorCode, Result};

use super::super::owed::Kind;
use super::Replica;
use crate::object::Condition;

impl Replica {
    /// Copies what the primary created, or holds otherwise than the replica. An object of the replica's is overwritten only
    /// where it is certain that nothing is lost by that: the primary may have been damaged or rolled back.
    pub(in crate::replicated) async fn create(&self, key: &str, data: &Bytes) -> Result<()> {
        let size = data.len() as u64;
        match self.allowing(size, self.part.save_if_absent(key, data.clone())).await {
            Ok(()) => return self.read_back(key, data).await,
            Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => {}
            Err(error) => return Err(error),
        }
        let copy = self.load(key).await?;
        if copy == *data {
            return Ok(());
        }
        let (primary, replica) = (Condition::of(data).await, Condition::of(&copy).await);
        if primary.supersedes(replica) {
            tracing::info!(
                replica = self.name,
                key,
                found = replica.name(),
                "the replica's object is replaced by the primary's"
            );
            return self.put(key, data).await;
        }
        self.keep(key, primary, replica);
        Ok(())
    }

    /// Writes what the primary holds over what there is, as was asked of this process some time ago. What was damaged in the
    /// primary since goes over no object that is whole.
    pub(in crate::replicated) async fn replace(&self, key: &str, data: &Bytes) -> Result<()> {
        let primary = Condition::of(data).await;
        if primary == Condition::Damaged {
            let replica = match self.load(key).await {
                Ok(copy) => Condition::of(&copy).await,
                Err(error) if error.code() == ErrorCode::NOT_FOUND => Condition::Damaged,
                Err(error) => return Err(error),
            };
            if replica.is_intact() {
                self.keep(key, primary, replica);
                return Ok(());
            }
        }
        self.put(key, data).await
    }

    /// Leaves the replica's object as it is, and says why.
    fn keep(&self, key: &str, primary: Condition, replica: Condition) {
        self.state().dispute(key);
        let next = match (primary.is_intact(), replica.is_intact()) {
            (false, true) => {
                "the primary's object is not whole and the replica's is: stop the writers, and bring the object back from the \
                 replica with the backends' own tools before anything is repaired in the primary"
            }
            (true, true) => {
                "both are whole and differ, as after the primary was set back to an older backup: see which of both is right \
                 before more is saved"
            }
            _ => {
                "neither can be told to be the right one: look for another copy, and see which is right before more is saved"
            }
        };
        tracing::error!(
            replica = self.name,
            key,
            primary = primary.name(),
            copy = replica.name(),
            next,
            "the replica holds another object than the primary; it is left as it is"
        );
    }

    /// Reads a copy, however large it is.
    async fn load(&self, key: &str) -> Result<Bytes> {
        let size = self.within(self.part.stat(key)).await?.size;
        self.allowing(size, self.part.load(key)).await
    }

    /// Writes a copy over what there is, and reads it back.
    pub(in crate::replicated) async fn put(&self, key: &str, data: &Bytes) -> Result<()> {
        self.allowing(data.len() as u64, self.part.save(key, data.clone())).await?;
        self.read_back(key, data).await
    }

    async fn read_back(&self, key: &str, data: &Bytes) -> Result<()> {
        if self.allowing(data.len() as u64, self.part.load(key)).await? == *data {
            return Ok(());
        }
        // What was written here may be replaced.
        self.owe(key, Kind::Replaced);
        let message = format!("the object {key:?} was read back with other bytes than were written");
        Err(Error::new(ErrorCode::CORRUPT, message))
    }
}
