//! Parts of objects.

use persist_plugin_api::{DynStorage, ErrorCode};

use crate::failure::{Failure, Outcome, expect_bytes, expect_error};
use crate::sample::{fresh_prefix, noise};

const LENGTH: u64 = 100_000;

/// Ranges at the start, inside, and at the end of an object are exactly those bytes.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_range_is_that_part(store: &dyn DynStorage) -> Outcome {
    expect_ranges(store, &[(0, 1), (0, LENGTH), (1, 2), (4095, 70_001), (LENGTH - 1, LENGTH)]).await
}

/// A range that reaches beyond the end is cut there.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_range_is_cut_at_the_end(store: &dyn DynStorage) -> Outcome {
    expect_ranges(
        store,
        &[(0, LENGTH + 1), (0, u64::MAX), (LENGTH - 10, LENGTH + 10), (LENGTH - 1, u64::MAX)],
    )
    .await
}

/// A range of no bytes is empty, and so is one that begins at or beyond the end.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_range_may_be_empty(store: &dyn DynStorage) -> Outcome {
    expect_ranges(
        store,
        &[(0, 0), (7, 7), (LENGTH, LENGTH + 5), (LENGTH + 5, LENGTH + 9), (u64::MAX - 1, u64::MAX)],
    )
    .await?;
    let key = format!("{}empty", fresh_prefix("ranges"));
    store.save(&key, noise(0, 1)).await?;
    expect_bytes(&store.load_range(&key, 0..10).await?, &[], "a range of an empty object")
}

/// No range of an absent object succeeds, not even an empty one.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_range_of_an_absent_object_is_not_found(store: &dyn DynStorage) -> Outcome {
    let key = format!("{}absent", fresh_prefix("ranges"));
    for range in [0..10, 0..0, 5..u64::MAX] {
        let what = format!("load_range {range:?} of an absent object");
        expect_error(store.load_range(&key, range).await, ErrorCode::NOT_FOUND, what)?;
    }
    Ok(())
}

async fn expect_ranges(store: &dyn DynStorage, ranges: &[(u64, u64)]) -> Outcome {
    let key = format!("{}object", fresh_prefix("ranges"));
    let data = noise(LENGTH as usize, 7);
    store.save(&key, data.clone()).await?;
    for &(start, end) in ranges {
        let expected = data.slice(start.min(LENGTH) as usize..end.min(LENGTH) as usize);
        let what = format!("load_range {start}..{end} of {LENGTH} bytes");
        let found = store
            .load_range(&key, start..end)
            .await
            .map_err(|error| Failure::new(format!("{what}: {}", Failure::from(error))))?;
        expect_bytes(&found, &expected, what)?;
    }
    Ok(())
}
