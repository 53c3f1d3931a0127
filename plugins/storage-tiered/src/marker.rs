//! The one object whose meaning these adapters know: it tells stores apart.

/// The key of the store marker, as `docs/format.md` has it. It is written once, before anything else, and holds an id of its
/// own for each store.
pub(crate) const MARKER: &str = "persist-store.json";
