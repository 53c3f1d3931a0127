//! Creating only what is absent.

use bytes::Bytes;
use futures_util::future::join_all;
use persist_plugin_api::{DynStorage, ErrorCode};

use crate::failure::{Outcome, ensure, expect_bytes, expect_error};
use crate::sample::{fresh_prefix, noise};

/// `save_if_absent` under a taken key is refused as certainly not applied, and the object keeps its bytes.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_taken_key_stays_untouched(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("taken");
    for (name, size) in [("empty", 0), ("small", 10), ("large", 300_000)] {
        let key = format!("{prefix}{name}");
        let first = noise(size, 1);
        store.save_if_absent(&key, first.clone()).await?;
        for other in [Bytes::new(), noise(20, 2), first.clone()] {
            let what = format!("save_if_absent of {} bytes over {size}", other.len());
            let error =
                expect_error(store.save_if_absent(&key, other).await, ErrorCode::ALREADY_EXISTS, &what)?;
            ensure!(error.is_not_applied(), "{what}: the error must say that nothing was applied");
            ensure!(!error.is_retryable(), "{what}: the error must not ask for another try");
        }
        expect_bytes(&store.load(&key).await?, &first, format!("the object {name} after refused writes"))?;
    }
    Ok(())
}

/// A key is free again once its object is deleted.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_deleted_key_is_free_again(store: &dyn DynStorage) -> Outcome {
    let key = format!("{}object", fresh_prefix("again"));
    for round in 0..3 {
        let data = noise(100, round);
        store.save_if_absent(&key, data.clone()).await?;
        expect_bytes(&store.load(&key).await?, &data, format!("round {round}"))?;
        store.delete(&key).await?;
    }
    Ok(())
}

/// Of 16 tasks that create one key at once, exactly one succeeds and its bytes are stored; asked only of an adapter
/// that claims atomic creation.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn one_winner(store: &dyn DynStorage) -> Outcome {
    if !store.capabilities().await?.atomic_create {
        return Ok(());
    }
    let prefix = fresh_prefix("winner");
    for round in 0..12 {
        // Every other round's directory is new, so that its creation is contended, too.
        let key = format!("{prefix}{}/{round}", round / 2);
        let data: Vec<Bytes> = (0..16).map(|task| noise(1000 + task * 4000, task as u64 + 1)).collect();
        let results = join_all(data.iter().map(|data| store.save_if_absent(&key, data.clone()))).await;
        let mut winners = Vec::new();
        for (task, result) in results.into_iter().enumerate() {
            match result {
                Ok(()) => winners.push(task),
                lost => drop(expect_error(lost, ErrorCode::ALREADY_EXISTS, format!("task {task}"))?),
            }
        }
        ensure!(winners.len() == 1, "round {round}: {} tasks won: {winners:?}", winners.len());
        let stored = store.load(&key).await?;
        expect_bytes(&stored, &data[winners[0]], format!("round {round}: the winner's bytes"))?;
    }
    Ok(())
}
