//! The engine over a storage adapter that fails on demand.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "engine/support.rs"]
mod support;

#[path = "engine/collection.rs"]
mod collection;
#[path = "engine/commit.rs"]
mod commit;
#[path = "engine/damage.rs"]
mod damage;
#[path = "engine/deletion.rs"]
mod deletion;
#[path = "engine/round_trip.rs"]
mod round_trip;
