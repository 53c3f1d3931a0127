//! Encoders that are used again: the memory of one, some 270 KB, costs more to get than a short stream to compress.

use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::{Compress, Compression};

/// How many idle encoders are kept. More threads at once get encoders of their own.
const KEPT: usize = 4;

/// Encoders of raw deflate at one level.
pub(crate) struct Encoders {
    level: Compression,
    idle: Mutex<Vec<Compress>>,
}

impl Encoders {
    /// None yet.
    pub(crate) fn new(level: Compression) -> Self {
        Self { level, idle: Mutex::default() }
    }

    /// An encoder at the start of a stream.
    pub(crate) fn take(&self) -> Compress {
        // Not in the match: the lock must not be held while an encoder is made.
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| Compress::new(self.level, false))
    }

    /// Keeps an encoder for the next stream; what it was fed is forgotten.
    pub(crate) fn give_back(&self, mut encoder: Compress) {
        encoder.reset();
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(encoder);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Compress>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_a_few_are_kept() {
        let encoders = Encoders::new(Compression::new(1));
        let taken: Vec<_> = (0..2 * KEPT).map(|_| encoders.take()).collect();
        taken.into_iter().for_each(|encoder| encoders.give_back(encoder));
        assert_eq!(encoders.idle().len(), KEPT);
        drop(encoders.take());
        assert_eq!(encoders.idle().len(), KEPT - 1);
    }
}
