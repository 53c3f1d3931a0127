//! The newest states of the sessions that a long-lived process saves to, so that the next save reads nothing.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::chain::Chain;
use crate::SessionRef;
use crate::delta::BaseIndex;
use crate::fingerprint::Checkpoints;

/// A snapshot that another one can be stored against.
pub(super) struct Warm {
    pub(super) chain: Chain,
    /// The state that the chain leads to.
    pub(super) state: Bytes,
    /// What checking the state left behind; `None` when it was read and not saved by this process.
    pub(super) checkpoints: Option<Checkpoints>,
    /// The state's index for finding what a successor shares with it, made when first asked for.
    index: OnceLock<BaseIndex>,
}

impl Warm {
    pub(super) fn new(chain: Chain, state: Bytes, checkpoints: Option<Checkpoints>) -> Self {
        Self { chain, state, checkpoints, index: OnceLock::new() }
    }

    /// The state's index. CPU work at the first call.
    pub(super) fn index(&self) -> &BaseIndex {
        self.index.get_or_init(|| BaseIndex::new(&self.state))
    }

    /// Whether the index has been made.
    pub(super) fn is_indexed(&self) -> bool {
        self.index.get().is_some()
    }

    /// The memory that it takes with its index, in bytes; the literals of a full snapshot are its state and count twice.
    fn memory(&self) -> u64 {
        let checkpoints = self.checkpoints.as_ref().map_or(0, Checkpoints::memory);
        let index = BaseIndex::memory_of(self.state.len());
        (self.state.len() + self.chain.memory() + checkpoints + index) as u64
    }
}

/// The newest states, by session. The least recently saved are forgotten first.
#[derive(Default)]
pub(super) struct Cache {
    entries: HashMap<SessionRef, Entry>,
    bytes: u64,
    clock: u64,
}

/// How keeping a state ended.
pub(super) struct Put {
    /// Whether it is kept.
    pub(super) kept: bool,
    /// What was kept in its place, and what had to go for it.
    pub(super) forgotten: Vec<Arc<Warm>>,
}

struct Entry {
    warm: Arc<Warm>,
    bytes: u64,
    used: u64,
}

impl Cache {
    /// The newest state of a session, if it is at hand.
    pub(super) fn get(&mut self, session: &SessionRef) -> Option<Arc<Warm>> {
        self.clock += 1;
        let entry = self.entries.get_mut(session)?;
        entry.used = self.clock;
        Some(entry.warm.clone())
    }

    /// Keeps a state, as far as `most` bytes reach.
    pub(super) fn put(&mut self, session: &SessionRef, warm: Arc<Warm>, most: u64) -> Put {
        let mut forgotten = Vec::from_iter(self.remove(session));
        let bytes = warm.memory();
        if bytes > most {
            return Put { kept: false, forgotten };
        }
        while self.bytes + bytes > most
            && let Some(oldest) =
                self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(session, _)| session.clone())
        {
            forgotten.extend(self.remove(&oldest));
        }
        self.clock += 1;
        self.bytes += bytes;
        self.entries.insert(session.clone(), Entry { warm, bytes, used: self.clock });
        Put { kept: true, forgotten }
    }

    /// Forgets a session.
    pub(super) fn remove(&mut self, session: &SessionRef) -> Option<Arc<Warm>> {
        let entry = self.entries.remove(session)?;
        self.bytes -= entry.bytes;
        Some(entry.warm)
    }
}
