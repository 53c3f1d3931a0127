//! How a store lays out snapshots.

use std::ops::RangeInclusive;

use super::Table;
use crate::config::document::kind_of;
use crate::config::error::bad_value;
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
    let objects =
        number(table, "restore_objects", OBJECTS)?.and_then(|objects| usize::try_from(objects).ok());
    Ok(Tuning {
        merge_percent: number(table, "merge_percent", PERCENT)?.unwrap_or(usual.merge_percent),
        restore_objects: objects.unwrap_or(usual.restore_objects),
        read_percent: number(table, "read_percent", PERCENT)?.unwrap_or(usual.read_percent),
        segment_records: number(table, "segment_records", RECORDS)?.unwrap_or(usual.segment_records),
        prefix_bytes: number(table, "prefix_bytes", PREFIX)?.unwrap_or(usual.prefix_bytes),
        cache_bytes: number(table, "cache_bytes", CACHE)?.unwrap_or(usual.cache_bytes),
    })
}

fn number(table: &Table<'_>, key: &str, allowed: RangeInclusive<u64>) -> Result<Option<u64>> {
    let Some(value) = table.entries.get(key) else { return Ok(None) };
    match value.as_u64().filter(|number| allowed.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => {
            let found = if value.is_number() { value.to_string() } else { kind_of(value).to_owned() };
            let (least, most) = (allowed.start(), allowed.end());
            let problem = format!("is {found}; expected a whole number from {least} to {most}");
            Err(bad_value(table.document, &table.path_of(key), &problem))
        }
    }
}
