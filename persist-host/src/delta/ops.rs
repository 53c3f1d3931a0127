//! Building a list of ops.

use super::Op;

/// Ops that are merged as they are added.
#[derive(Default)]
pub(super) struct Ops(pub(super) Vec<Op>);

impl Ops {
    /// Inserts the next `more` bytes.
    pub(super) fn insert(&mut self, more: u64) {
        match self.0.last_mut() {
            _ if more == 0 => {}
            Some(Op::Insert { len }) => *len += more,
            _ => self.0.push(Op::Insert { len: more }),
        }
    }

    /// Copies `more` bytes of the base, from `start` on.
    pub(super) fn copy(&mut self, start: u64, more: u64) {
        match self.0.last_mut() {
            _ if more == 0 => {}
            Some(Op::Copy { from, len }) if *from + *len == start => *len += more,
            _ => self.0.push(Op::Copy { from: start, len: more }),
        }
    }
}
