//! A delta against the top of a chain as one against a lower snapshot of it, found without looking at any state.

use super::Op;
use super::compose::{Descent, Extent, Layer, Origin, Span, descend, steps};
use super::ops::Ops;

/// A copy of fewer bytes costs as much as the bytes.
const MIN_COPY: u64 = 8;

/// The most ops that are worth following; more are a sign of a state that repeats few bytes of the base very often.
const MAX_OPS: usize = 1 << 16;

/// The ops that make a state from that of the snapshot below `above`, where `ops` make it from that of the last of
/// `above`; `None` when they are too many, or do not fit the layers.
///
/// What the layers above inserted, and the state still has, is inserted by the new ops.
pub(crate) fn rebase(above: &[Layer<'_>], ops: &[Op]) -> Option<Vec<Op>> {
    // The layers count from one: the snapshot that they build on is none of them.
    let own = Origin::Literals(above.len() + 1);
    let mut extents: Vec<Extent> = ops
        .iter()
        .map(|op| match *op {
            Op::Copy { from, len } => Extent { origin: Origin::State, span: Span { from, len } },
            Op::Insert { len } => Extent { origin: own, span: Span { from: 0, len } },
        })
        .collect();
    for (below, layer) in above.iter().enumerate().rev() {
        let number = below + 1;
        let steps = steps(number, layer).ok()?;
        match descend(number, &steps, &extents, MAX_OPS).ok()? {
            Descent::Next(next) => extents = next,
            Descent::TooMany => return None,
        }
    }
    let mut rebased = Ops::default();
    for Extent { origin, span } in extents {
        match origin {
            Origin::State if span.len >= MIN_COPY => rebased.copy(span.from, span.len),
            _ => rebased.insert(span.len),
        }
    }
    Some(rebased.0)
}
