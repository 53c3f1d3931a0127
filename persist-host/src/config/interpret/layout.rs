//! How a store lays out snapshots.

use std::ops::RangeInclusive;

use super::Table;
use crate::{Result, Tuning};

/// What the numbers of the layout may be. They only keep out what could never be meant.
const PERCENT: RangeInclusive<u64> = 1..=1_000_000;
const OBJECTS: RangeInclusive<u64> = 2..=1024;
const RECORDS: RangeInclusive<u64> = 1..=1_000_000;
const PREFIX: RangeInclusive<u64> = 0..=16 << 20;
const CACHE: RangeInclusive<u64> = 0..=1 << 40;

/// Reads the table `layout` of a store.
///
/// # Errors
///
/// For an unknown key, and for a value that is not a number in its range.
pub(super) fn tuning(table: &Table<'_>) -> Result<Tuning> {
    table.allow(&[
        "cache_bytes",
        "merge_percent",
        "prefix_bytes",
        "read_percent",
        "restore_objects",
        "segment_records",
    ])?;
    let usual = Tuning::default();
    let objects = table.number("restore_objects", OBJECTS)?.and_then(|objects| usize::try_from(objects).ok());
    Ok(Tuning {
        merge_percent: table.number("merge_percent", PERCENT)?.unwrap_or(usual.merge_percent),
        restore_objects: objects.unwrap_or(usual.restore_objects),
        read_percent: table.number("read_percent", PERCENT)?.unwrap_or(usual.read_percent),
        segment_records: table.number("segment_records", RECORDS)?.unwrap_or(usual.segment_records),
        prefix_bytes: table.number("prefix_bytes", PREFIX)?.unwrap_or(usual.prefix_bytes),
        cache_bytes: table.number("cache_bytes", CACHE)?.unwrap_or(usual.cache_bytes),
    })
}
