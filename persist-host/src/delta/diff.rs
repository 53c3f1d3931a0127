//! Finds the copies that make one state from another.

use super::Op;
use super::gear::{self, WINDOW};
use super::index::BaseIndex;
use super::ops::Ops;
use crate::matching::{common_prefix, common_suffix};

/// A common start or end of less is inserted: a copy would cost as much.
const MIN_EDGE: usize = 8;

/// From this size on, a target that shares neither start nor end with its base is sampled before it is searched.
const SAMPLED_FROM: usize = 64 << 10;

/// How long a replacement is at most that a copy is continued past without the index.
const MAX_REPLACED: usize = 96;

/// One of this many stretches of a target is sampled.
const SAMPLING: usize = 16;

/// The ops that make `target` from `base`, of which `index` is the index. They are merged where they join, and none is
/// empty. A large target in which samples find nothing of the base is inserted as a whole.
pub(crate) fn diff(base: &[u8], index: &BaseIndex, target: &[u8]) -> Vec<Op> {
    let head = edge(common_prefix(base, target), target);
    let tail = edge(common_suffix(base, &target[head..]), target);
    let mut search = Search { base, index, target, end: target.len() - tail, ops: Ops::default(), done: 0 };
    search.copy(Match { from: 0, at: 0, len: head });
    if search.end - head < SAMPLED_FROM || (head + tail) * SAMPLING >= target.len() || search.samples_match()
    {
        search.run();
    }
    // The last copy may reach into the common end already.
    if search.done < search.end {
        search.ops.insert((search.end - search.done) as u64);
        search.done = search.end;
    }
    let rest = target.len() - search.done;
    search.copy(Match { from: base.len().saturating_sub(rest), at: search.done, len: rest });
    search.ops.0
}

/// The bytes at one edge of the target that are copied, when `common` of them could be.
fn edge(common: usize, target: &[u8]) -> usize {
    if common >= MIN_EDGE || common == target.len() { common } else { 0 }
}

/// Bytes that base and target have in common.
#[derive(Clone, Copy)]
struct Match {
    /// Where they are in the base.
    from: usize,
    /// Where they are in the target.
    at: usize,
    len: usize,
}

struct Search<'a> {
    base: &'a [u8],
    index: &'a BaseIndex,
    target: &'a [u8],
    /// Where the end that base and target share begins in the target: nothing is searched for from there on.
    end: usize,
    ops: Ops,
    /// How many bytes of the target the ops make so far.
    done: usize,
}

impl Search<'_> {
    /// Looks for copies at every offset of the target that no copy covers yet.
    fn run(&mut self) {
        let mut at = self.pass_replacements();
        while let Some((window, hash)) = self.next_hit(at, self.target.len()).filter(|(at, _)| *at < self.end)
        {
            at = match self.longest_match(window, hash) {
                Some(found) => {
                    self.copy(found);
                    self.pass_replacements()
                }
                None => window + 1,
            };
        }
    }

    /// Copies on past short replacements, and returns up to where the target is done.
    fn pass_replacements(&mut self) -> usize {
        while let Some(found) = self.past_replacement() {
            self.copy(found);
        }
        self.done
    }

    /// The match past a short replacement of equal length, such as of a counter or a time, right after the last copy.
    /// Between edits as close as the indexed windows of a large state, the index would find nothing.
    fn past_replacement(&self) -> Option<Match> {
        let Some(Op::Copy { from, len }) = self.ops.0.last() else { return None };
        let from = usize::try_from(from + len).ok()?;
        let pairs = self.base.get(from..)?.iter().zip(self.target.get(self.done..self.end)?);
        let mut equal = 0;
        for (passed, (left, right)) in pairs.take(MAX_REPLACED + WINDOW).enumerate() {
            equal = if left == right { equal + 1 } else { 0 };
            if equal == WINDOW {
                let start = passed + 1 - WINDOW;
                return self.extended(from + start, self.done + start);
            }
        }
        None
    }

    /// Whether any of a sample of the target's windows is in the base. The samples are as long as indexed windows lie
    /// apart, so that one inside a copy finds it.
    fn samples_match(&self) -> bool {
        let length = self.index.stride().max(4 * WINDOW);
        (self.done..self.end).step_by(SAMPLING * length).any(|start| {
            let end = self.target.len().min(start + length + WINDOW);
            let mut at = start;
            while let Some((window, hash)) = self.next_hit(at, end) {
                if self.longest_match(window, hash).is_some() {
                    return true;
                }
                at = window + 1;
            }
            false
        })
    }

    /// The first window of the target, between `start` and `end`, whose hash the index may hold.
    fn next_hit(&self, start: usize, end: usize) -> Option<(usize, u32)> {
        let (window, rest) = self.target.get(start..end)?.split_at_checked(WINDOW)?;
        let mut hash = gear::hash(window);
        for (passed, byte) in rest.iter().enumerate() {
            if self.index.may_hold(hash) {
                return Some((start + passed, hash));
            }
            hash = gear::roll(hash, *byte);
        }
        self.index.may_hold(hash).then_some((end - WINDOW, hash))
    }

    /// The longest match around the target's window at `window`, among those that the index knows.
    fn longest_match(&self, window: usize, hash: u32) -> Option<Match> {
        let known = self.index.candidates(hash);
        known.filter_map(|from| self.extended(from, window)).max_by_key(|found| found.len)
    }

    /// The match of the windows at `from` in the base and at `at` in the target, extended both ways as far as it
    /// goes without giving up what is copied already.
    fn extended(&self, from: usize, at: usize) -> Option<Match> {
        let (base, target) = (self.base.get(from..)?, &self.target[at..]);
        let after = common_prefix(base, target);
        if after < WINDOW {
            return None;
        }
        let before = common_suffix(&self.base[..from], &self.target[self.done..at]);
        Some(Match { from: from - before, at: at - before, len: before + after })
    }

    /// Adds what is missing before a match, and the match.
    fn copy(&mut self, found: Match) {
        self.ops.insert((found.at - self.done) as u64);
        self.ops.copy(found.from as u64, found.len as u64);
        self.done = found.at + found.len;
    }
}
