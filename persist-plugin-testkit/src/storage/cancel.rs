//! Writes whose future is dropped before it is done.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::poll_immediate;
use persist_plugin_api::{DynStorage, ErrorCode, ListRequest};

use crate::failure::{Failure, Outcome, ensure, expect_bytes};
use crate::sample::{MIB, fresh_prefix, noise};

/// How often a future is polled before it is dropped, in each round.
const POLLS: [u32; 8] = [0, 1, 2, 3, 5, 8, 13, 40];

/// How long a store may take to answer again after calls of it were dropped.
const STILL_USABLE: Duration = Duration::from_secs(60);

/// A `save_if_absent` that is dropped at any point leaves the object whole or absent, now and later, nothing else in
/// the listing, and the key usable.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_dropped_create_is_whole_or_absent(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("dropped");
    let data = noise(3 * MIB, 5);
    for polls in POLLS {
        let key = format!("{prefix}{polls:02}");
        poll_and_drop(store.save_if_absent(&key, data.clone()), polls).await;
    }
    // Some writes may still be finishing; none may show a part.
    for _ in 0..10 {
        for polls in POLLS {
            let key = format!("{prefix}{polls:02}");
            if let Some(found) = load_if_present(store, &key).await? {
                expect_bytes(&found, &data, format!("the object dropped after {polls} polls"))?;
            }
        }
        for meta in store.list(ListRequest::below(&*prefix)).await?.objects {
            ensure!(
                meta.size == data.len() as u64,
                "a listing shows {:?} with {} bytes",
                meta.key,
                meta.size
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for polls in POLLS {
        let key = format!("{prefix}{polls:02}");
        match store.save_if_absent(&key, data.clone()).await {
            Err(error) if error.code() != ErrorCode::ALREADY_EXISTS => return Err(error.into()),
            _ => {
                let what = format!("the object saved again after {polls} polls");
                expect_bytes(&store.load(&key).await?, &data, what)?;
            }
        }
    }
    Ok(())
}

/// A `save` over an object that is dropped at any point leaves the old bytes or the new ones.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_dropped_save_keeps_old_or_new(store: &dyn DynStorage) -> Outcome {
    let key = format!("{}object", fresh_prefix("dropped"));
    let versions: Vec<Bytes> =
        (0..=POLLS.len()).map(|index| noise(2 * MIB + index, index as u64 + 1)).collect();
    store.save(&key, versions[0].clone()).await?;
    for (index, polls) in POLLS.into_iter().enumerate() {
        poll_and_drop(store.save(&key, versions[index + 1].clone()), polls).await;
        for _ in 0..5 {
            let found = store.load(&key).await?;
            ensure!(
                versions.contains(&found),
                "after a save dropped at {polls} polls: {} bytes that are no version",
                found.len()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(())
}

/// Reads and listings that are dropped at any point leave the store as usable as before: no lock, permit or connection
/// goes with them.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn dropped_reads_block_nobody(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("dropped");
    let key = format!("{prefix}object");
    let data = noise(MIB, 6);
    store.save(&key, data.clone()).await?;
    for polls in POLLS {
        poll_and_drop(store.load(&key), polls).await;
        poll_and_drop(store.load_range(&key, 10..20), polls).await;
        poll_and_drop(store.stat(&key), polls).await;
        poll_and_drop(store.list(ListRequest::below(&*prefix)), polls).await;
    }
    let usable = async {
        expect_bytes(&store.load(&key).await?, &data, "load after dropped reads")?;
        ensure!(store.exists(&key).await?, "exists is false after dropped reads");
        let found = store.list(ListRequest::below(&*prefix)).await?.objects.len();
        ensure!(found <= 1, "a listing after dropped ones has {found} objects, expected 1");
        Ok(())
    };
    let late = || Failure::new(format!("after dropped reads, no answer in {} s", STILL_USABLE.as_secs()));
    tokio::time::timeout(STILL_USABLE, usable).await.unwrap_or_else(|_| Err(late()))
}

/// Polls a future some times, a moment apart, and drops it.
async fn poll_and_drop<T>(future: impl Future<Output = T>, polls: u32) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if poll_immediate(&mut future).await.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

async fn load_if_present(store: &dyn DynStorage, key: &str) -> Result<Option<Bytes>, Failure> {
    match store.load(key).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == ErrorCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error.into()),
    }
}
