//! Two adapters that were opened with the same options.
//!
//! Asked only of an adapter that claims durability: what outlives the process must be found by whoever opens it next.

use bytes::Bytes;
use futures_util::future::{LocalBoxFuture, join_all};
use persist_plugin_api::{DynStorage, ErrorCode, ListRequest, Result};

use crate::failure::{Outcome, ensure, expect_bytes, expect_error};
use crate::sample::{fresh_prefix, noise};

/// Opens the storage under test once more, each time with the same options.
pub type OpenStorage<'a> = dyn Fn() -> LocalBoxFuture<'a, Result<Box<dyn DynStorage>>> + 'a;

/// What one adapter wrote is read by another one after the first is gone, and what that one deletes is deleted for good.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn objects_outlive_their_writer(open: &OpenStorage<'_>) -> Outcome {
    let first = open().await?;
    if !first.capabilities().await?.durable {
        return Ok(());
    }
    let prefix = fresh_prefix("outlive");
    let (small, large) = (format!("{prefix}small"), format!("{prefix}deep/large"));
    let data = noise(300_000, 8);
    first.save_if_absent(&small, Bytes::from_static(b"x")).await?;
    first.save(&large, data.clone()).await?;
    drop(first);
    let second = open().await?;
    expect_bytes(&second.load(&small).await?, b"x", "a small object, read by another adapter")?;
    expect_bytes(&second.load(&large).await?, &data, "a large object, read by another adapter")?;
    let found = second.list(ListRequest::below(&*prefix)).await?.objects.len();
    ensure!(found == 2, "another adapter lists {found} objects, expected 2");
    second.delete(&small).await?;
    drop(second);
    let gone = open().await?.load(&small).await;
    expect_error(gone, ErrorCode::NOT_FOUND, "load of what another adapter deleted").map(drop)
}

/// Of eight adapters that create one key at once, one succeeds, and all of them then read its bytes; asked only of an
/// adapter that claims atomic creation, too.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn one_winner_among_adapters(open: &OpenStorage<'_>) -> Outcome {
    let mut adapters = Vec::new();
    for _ in 0..8 {
        adapters.push(open().await?);
    }
    let claims = adapters[0].capabilities().await?;
    if !claims.durable || !claims.atomic_create {
        return Ok(());
    }
    let prefix = fresh_prefix("adapters");
    for round in 0..4 {
        let key = format!("{prefix}{round}/object");
        let data: Vec<Bytes> = (0..8).map(|task| noise(2000 + task * 4000, task as u64 + 1)).collect();
        let create = adapters.iter().zip(&data).map(|(store, data)| store.save_if_absent(&key, data.clone()));
        let mut winners = Vec::new();
        for (task, result) in join_all(create).await.into_iter().enumerate() {
            match result {
                Ok(()) => winners.push(task),
                lost => drop(expect_error(lost, ErrorCode::ALREADY_EXISTS, format!("adapter {task}"))?),
            }
        }
        ensure!(winners.len() == 1, "round {round}: {} adapters won: {winners:?}", winners.len());
        for store in &adapters {
            expect_bytes(
                &store.load(&key).await?,
                &data[winners[0]],
                format!("round {round}: the winner's bytes"),
            )?;
        }
    }
    Ok(())
}
