//! Puts the newest state of a chain of deltas together.
//!
//! The extents of the state are followed down the chain first, and then each byte is copied once, from the literals that it
//! came with. What the state no longer has is never built.

use std::collections::TryReserveError;
use std::iter;

use bytes::Bytes;

use super::{Op, part, take};

/// How many extents a layer may add beyond those that its ops account for. Only ops that copy the same bytes over and
/// over need any: of those, this many are followed before the bytes are built once and copied.
const SPARE_EXTENTS: usize = 1 << 14;

/// One snapshot of a chain.
pub(crate) struct Layer<'a> {
    /// How the state is made from the state of the layer before; none if the literals are the state.
    pub(crate) ops: Option<&'a [Op]>,
    /// The bytes that the ops insert, joined.
    pub(crate) literals: &'a Bytes,
    /// The length of the state, in bytes.
    pub(crate) length: u64,
}

/// Why a chain does not give a state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    /// There is no memory for the state.
    #[error("there is no memory for a state of {length} bytes")]
    OutOfMemory {
        /// The bytes needed.
        length: u64,
        /// What the allocator said.
        source: TryReserveError,
    },
    /// A layer needs bytes that it does not have, or that the layer before does not have.
    #[error("snapshot {layer} of the chain does not fit the one before it")]
    Misfit {
        /// The layer's position in the chain, from zero.
        layer: usize,
    },
}

/// The state of the last layer; empty if there is none.
///
/// A state that lies in one piece in a layer's literals is a slice of them. Otherwise the memory it takes is the state's
/// length, at most once more for bytes that the state repeats, and for the extents a multiple of the number of ops.
///
/// # Errors
/// [`ComposeError::Misfit`] if the ops do not make states of the lengths that the layers have, as far as the last state
/// depends on them. [`ComposeError::OutOfMemory`] if the state cannot be allocated.
pub(crate) fn compose(layers: &[Layer<'_>]) -> Result<Bytes, ComposeError> {
    let Some(last) = layers.last() else { return Ok(Bytes::new()) };
    gather(layers, vec![Span { from: 0, len: last.length }])
}

/// Whether the state of the last layer is `state`. Compares in place, without building it.
///
/// # Errors
/// As [`compose`].
pub(crate) fn composes(layers: &[Layer<'_>], state: &[u8]) -> Result<bool, ComposeError> {
    let Some(last) = layers.last() else { return Ok(state.is_empty()) };
    let Followed { extents, built } = follow(layers, vec![Span { from: 0, len: last.length }])?;
    let mut rest = state;
    for extent in &extents {
        if take(&mut rest, extent.span.len) != Some(bytes_of(layers, &built, extent)?) {
            return Ok(false);
        }
    }
    Ok(rest.is_empty())
}

/// Joins spans of the last layer's state.
fn gather(layers: &[Layer<'_>], wanted: Vec<Span>) -> Result<Bytes, ComposeError> {
    let Followed { extents, built } = follow(layers, wanted)?;
    if let [Extent { origin: Origin::Literals(number), span }] = extents[..]
        && let Some(layer) = layers.get(number)
        && let Some(piece) = part(layer.literals, span.from, span.len)
    {
        return Ok(layer.literals.slice_ref(piece));
    }
    let mut state = reserve(&extents)?;
    for extent in &extents {
        state.extend_from_slice(bytes_of(layers, &built, extent)?);
    }
    Ok(state.into())
}

/// Where the bytes of a state come from.
struct Followed {
    /// None of them counts in a state.
    extents: Vec<Extent>,
    /// The bytes that were built on the way.
    built: Bytes,
}

/// Follows spans of the last layer's state down to the literals that they came with.
fn follow(layers: &[Layer<'_>], wanted: Vec<Span>) -> Result<Followed, ComposeError> {
    let mut extents: Vec<Extent> =
        wanted.into_iter().map(|span| Extent { origin: Origin::State, span }).collect();
    for (number, layer) in layers.iter().enumerate().rev() {
        let steps = steps(number, layer)?;
        let limit = extents.len() + steps.len() + SPARE_EXTENTS;
        match descend(number, &steps, &extents, limit)? {
            Descent::Next(next) => extents = next,
            Descent::TooMany => {
                // A length beyond all memory is refused before any work.
                drop(reserve(&extents)?);
                // Spans that do not overlap stay within the limit, so this goes down the chain by a layer at least.
                let spans = union(&extents);
                let built = gather(&layers[..=number], spans.clone())?;
                relocate(&mut extents, &spans);
                return Ok(Followed { extents, built });
            }
        }
        if !extents.iter().any(|extent| extent.origin == Origin::State) {
            break;
        }
    }
    Ok(Followed { extents, built: Bytes::new() })
}

/// A range of bytes.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) len: u64,
}

/// Consecutive bytes of the state that is being put together.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) origin: Origin,
    pub(super) span: Span,
}

/// What an extent's span counts in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The state of the layer that has been reached.
    State,
    /// The literals of this layer.
    Literals(usize),
    /// Bytes that were built because many extents share them.
    Built,
}

/// An op, and where in the state its bytes begin.
pub(super) struct Step {
    start: u64,
    extent: Extent,
}

/// The ops of a layer, in terms of its literals and of the state before it.
pub(super) fn steps(number: usize, layer: &Layer<'_>) -> Result<Vec<Step>, ComposeError> {
    let misfit = || ComposeError::Misfit { layer: number };
    let whole = [Op::Insert { len: layer.length }];
    let ops = layer.ops.unwrap_or(&whole);
    let (mut start, mut literal) = (0_u64, 0_u64);
    let mut steps = Vec::with_capacity(ops.len());
    for op in ops {
        let (origin, from) = match *op {
            Op::Copy { .. } if number == 0 => return Err(misfit()),
            Op::Copy { from, .. } => (Origin::State, from),
            Op::Insert { .. } => (Origin::Literals(number), literal),
        };
        let span = Span { from, len: op.len() };
        from.checked_add(span.len).ok_or_else(misfit)?;
        steps.push(Step { start, extent: Extent { origin, span } });
        start = start.checked_add(span.len).ok_or_else(misfit)?;
        if origin != Origin::State {
            literal += span.len;
        }
    }
    if start != layer.length || literal != layer.literals.len() as u64 {
        return Err(misfit());
    }
    Ok(steps)
}

/// What following extents one layer down gives.
pub(super) enum Descent {
    /// The extents, in terms of the layer's literals and of the state before it.
    Next(Vec<Extent>),
    /// There are more extents than the limit.
    TooMany,
}

/// Follows extents one layer down, as long as there are no more than `limit`.
pub(super) fn descend(
    number: usize,
    steps: &[Step],
    extents: &[Extent],
    limit: usize,
) -> Result<Descent, ComposeError> {
    let mut next = Vec::with_capacity(extents.len() + steps.len());
    for extent in extents {
        if extent.origin != Origin::State {
            push(&mut next, *extent);
            continue;
        }
        let Span { mut from, mut len } = extent.span;
        let first = steps.partition_point(|step| step.start + step.extent.span.len <= from);
        let mut covering = steps.iter().skip(first);
        while len > 0 {
            // The layer above copies from beyond the end of this state.
            let step = covering.next().ok_or(ComposeError::Misfit { layer: number + 1 })?;
            let skipped = from - step.start;
            let taken = len.min(step.extent.span.len - skipped);
            let span = Span { from: step.extent.span.from + skipped, len: taken };
            push(&mut next, Extent { origin: step.extent.origin, span });
            from += taken;
            len -= taken;
            if next.len() > limit {
                return Ok(Descent::TooMany);
            }
        }
    }
    Ok(Descent::Next(next))
}

/// Adds an extent, to the last one if it continues it.
fn push(extents: &mut Vec<Extent>, more: Extent) {
    match extents.last_mut() {
        Some(last) if last.origin == more.origin && last.span.from + last.span.len == more.span.from => {
            last.span.len += more.span.len;
        }
        _ => extents.push(more),
    }
}

/// The bytes of the state that extents need, as spans in ascending order that neither overlap nor touch.
fn union(extents: &[Extent]) -> Vec<Span> {
    let mut spans: Vec<Span> =
        extents.iter().filter(|extent| extent.origin == Origin::State).map(|extent| extent.span).collect();
    spans.sort_unstable_by_key(|span| span.from);
    spans.dedup_by(|next, last| {
        let end = last.from + last.len;
        let joins = next.from <= end;
        if joins {
            last.len = end.max(next.from + next.len) - last.from;
        }
        joins
    });
    spans
}

/// Makes extents of the state into extents of the joined spans, which contain them.
fn relocate(extents: &mut [Extent], spans: &[Span]) {
    let offsets: Vec<u64> = iter::once(0)
        .chain(spans.iter().scan(0, |end, span| {
            *end += span.len;
            Some(*end)
        }))
        .collect();
    for extent in extents.iter_mut().filter(|extent| extent.origin == Origin::State) {
        let place = spans.partition_point(|span| span.from <= extent.span.from).saturating_sub(1);
        if let (Some(span), Some(offset)) = (spans.get(place), offsets.get(place)) {
            extent.origin = Origin::Built;
            extent.span.from = offset + (extent.span.from - span.from);
        }
    }
}

/// Room for the bytes of extents.
fn reserve(extents: &[Extent]) -> Result<Vec<u8>, ComposeError> {
    let length = extents.iter().map(|extent| extent.span.len).sum();
    let mut state = Vec::new();
    match state.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX)) {
        Ok(()) => Ok(state),
        Err(source) => Err(ComposeError::OutOfMemory { length, source }),
    }
}

/// The bytes of an extent whose origin is known.
fn bytes_of<'a>(layers: &[Layer<'a>], built: &'a Bytes, extent: &Extent) -> Result<&'a [u8], ComposeError> {
    let Extent { origin, span } = *extent;
    let source = match origin {
        Origin::Literals(number) => layers.get(number).map(|layer| layer.literals),
        Origin::Built => Some(built),
        Origin::State => None,
    };
    // The steps were checked against their literals, so that nothing is missing here.
    source.and_then(|source| part(source, span.from, span.len)).ok_or(ComposeError::Misfit { layer: 0 })
}
