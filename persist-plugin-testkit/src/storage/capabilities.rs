//! What an adapter says of itself. That single claims are true is checked where they matter: atomic creation in
//! [`create`](super::create), consistent and ordered listings in [`listing`](super::listing), durability in
//! [`handles`](super::handles).

use bytes::Bytes;
use persist_plugin_api::{DynStorage, Error};

use crate::failure::{Failure, Outcome, ensure};
use crate::sample::{MIB, fresh_prefix};

/// The largest bound that is worth filling, in bytes.
const LARGEST_TRIED: u64 = 64 * MIB as u64;

/// The capabilities are the same each time they are asked for, also after a write and by several callers at once.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn they_stay_the_same(store: &dyn DynStorage) -> Outcome {
    let first = store.capabilities().await?;
    store.save(&format!("{}object", fresh_prefix("claims")), Bytes::from_static(b"x")).await?;
    let again = futures_util::future::try_join_all((0..4).map(|_| store.capabilities())).await?;
    for other in again {
        // What is kept of deleted objects may show only after a deletion.
        let other = other.keeps_versions(first.keeps_versions);
        ensure!(other == first, "capabilities: first {first:?}, then {other:?}");
    }
    Ok(())
}

/// An object of a byte more than the largest size that the adapter claims is refused, and nothing of it is stored; asked
/// only where the claim is at most 64 MiB.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn the_largest_size_is_the_largest(store: &dyn DynStorage) -> Outcome {
    let Some(bound) = store.capabilities().await?.max_object_size.filter(|bound| *bound < LARGEST_TRIED)
    else {
        return Ok(());
    };
    let prefix = fresh_prefix("largest");
    let data = Bytes::from(vec![b'x'; bound as usize + 1]);
    for (method, key) in [("save", format!("{prefix}save")), ("save_if_absent", format!("{prefix}create"))] {
        let result = match method {
            "save" => store.save(&key, data.clone()).await,
            _ => store.save_if_absent(&key, data.clone()).await,
        };
        refused(result, &format!("{method} of {} bytes, where {bound} are the claimed bound", data.len()))?;
        ensure!(!store.exists(&key).await?, "{method}: an object that was refused exists");
    }
    Ok(())
}

fn refused(result: Result<(), Error>, what: &str) -> Outcome {
    let Err(error) = result else {
        return Err(Failure::new(format!("{what}: expected an error, but it succeeded")));
    };
    ensure!(error.is_not_applied(), "{what}: the error must say that nothing was applied");
    ensure!(!error.is_retryable(), "{what}: the error must not ask for another try");
    Ok(())
}
