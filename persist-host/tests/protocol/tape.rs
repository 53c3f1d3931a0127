//! The choices of a schedule, drawn from a tape of numbers: the same tape makes the same choices, and a tape with more
//! zeros makes plainer ones.

use proptest::prelude::*;
use proptest::strategy::{NewTree, ValueTree};
use proptest::test_runner::TestRunner;

/// The numbers that a schedule is drawn from. After the last, every choice is the plainest.
#[derive(Clone)]
pub(crate) struct Tape {
    values: Vec<u16>,
    at: usize,
}

impl Tape {
    /// A number below `n`; 0 is the plainest.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let value = self.values.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        (usize::from(value) * n) >> 16
    }

    /// Whether something happens that happens so many times in a thousand; not happening is plainer.
    pub(crate) fn chance(&mut self, per_mille: usize) -> bool {
        self.below(1000) >= 1000 - per_mille.min(1000)
    }
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let values = self.values.iter().enumerate().filter(|(_, value)| **value != 0);
        formatter.debug_map().entries(values).finish()
    }
}

/// Random tapes of one length. They shrink by runs of numbers becoming zero.
#[derive(Clone, Debug)]
pub(crate) struct Tapes(pub(crate) usize);

impl Strategy for Tapes {
    type Tree = Shrinking;
    type Value = Tape;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let mut bytes = vec![0; self.0 * 2];
        runner.rng().fill_bytes(&mut bytes);
        let current: Vec<u16> =
            bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let run = current.len();
        Ok(Shrinking { previous: current.clone(), current, run, at: 0 })
    }
}

pub(crate) struct Shrinking {
    current: Vec<u16>,
    previous: Vec<u16>,
    run: usize,
    at: usize,
}

impl ValueTree for Shrinking {
    type Value = Tape;

    fn current(&self) -> Tape {
        Tape { values: self.current.clone(), at: 0 }
    }

    fn simplify(&mut self) -> bool {
        while self.run > 0 {
            let end = self.current.len().min(self.at + self.run);
            let run = self.at..end;
            self.at = end;
            if run.is_empty() {
                (self.run, self.at) = (self.run / 4, 0);
            } else if self.current[run.clone()].iter().any(|value| *value != 0) {
                self.previous.clone_from(&self.current);
                self.current[run].fill(0);
                return true;
            }
        }
        false
    }

    fn complicate(&mut self) -> bool {
        // The last simplification took the failure away; the next one starts from before it.
        self.current.clone_from(&self.previous);
        self.simplify()
    }
}
