//! The engine over a storage adapter that fails on demand.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "engine/support.rs"]
mod support;

#[path = "engine/archive.rs"]
mod archive;
#[path = "engine/attachments.rs"]
mod attachments;
#[path = "engine/audit.rs"]
mod audit;
#[path = "engine/batch.rs"]
mod batch;
#[path = "engine/collection.rs"]
mod collection;
#[path = "engine/commit.rs"]
mod commit;
#[path = "engine/corruption.rs"]
mod corruption;
#[path = "engine/damage.rs"]
mod damage;
#[path = "engine/deletion.rs"]
mod deletion;
#[path = "engine/label.rs"]
mod label;
#[path = "engine/many.rs"]
mod many;
#[path = "engine/migrate.rs"]
mod migrate;
#[path = "engine/migrate_stops.rs"]
mod migrate_stops;
#[path = "engine/names.rs"]
mod names;
#[path = "engine/observers.rs"]
mod observers;
#[path = "engine/position.rs"]
mod position;
#[path = "engine/purpose.rs"]
mod purpose;
#[path = "engine/repair.rs"]
mod repair;
#[path = "engine/round_trip.rs"]
mod round_trip;
#[path = "engine/single_writer.rs"]
mod single_writer;
#[path = "engine/spans.rs"]
mod spans;
#[path = "engine/stats.rs"]
mod stats;
#[path = "engine/transfer.rs"]
mod transfer;
