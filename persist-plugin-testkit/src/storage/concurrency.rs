//! Many calls at once.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::future::{join, try_join_all};
use persist_plugin_api::{DynStorage, ListRequest};

use super::listing::expect_listing;
use crate::failure::{Failure, Outcome, ensure, expect_bytes};
use crate::sample::{MIB, fresh_prefix, noise};

/// While an object is replaced again and again, every reader sees one of its versions whole, and never none.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn readers_see_whole_objects(store: &dyn DynStorage) -> Outcome {
    let key = format!("{}object", fresh_prefix("whole"));
    // Each version is of one byte, and of a length that belongs to this byte.
    let version = |byte: u8| Bytes::from(vec![byte; MIB - usize::from(byte) * 4096]);
    store.save(&key, version(0)).await?;
    let done = AtomicBool::new(false);
    let write = async {
        let mut outcome = Ok(());
        for byte in 1..=20 {
            outcome = store.save(&key, version(byte)).await;
            if outcome.is_err() {
                break;
            }
        }
        done.store(true, Ordering::Release);
        outcome.map_err(Failure::from)
    };
    let read = || async {
        while !done.load(Ordering::Acquire) {
            let found = store.load(&key).await?;
            let Some(&byte) = found.first() else { return Err(Failure::new("a reader saw an empty object")) };
            ensure!(
                found == version(byte),
                "a reader saw {} bytes that are no version of the object",
                found.len()
            );
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    let (written, read) = join(write, try_join_all((0..4).map(|_| read()))).await;
    written?;
    read?;
    expect_bytes(&store.load(&key).await?, &version(20), "the last version")
}

/// 64 objects saved at once, half of them in new directories, are all there.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn many_objects_at_once(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("many");
    let mut keys: Vec<String> = (0..64)
        .map(|index| match index % 2 {
            0 => format!("{prefix}flat-{index:02}"),
            _ => format!("{prefix}{}/{}/{index:02}", index % 3, index % 5),
        })
        .collect();
    let data = |index: usize| noise(index * 512, index as u64);
    try_join_all(keys.iter().enumerate().map(|(index, key)| store.save_if_absent(key, data(index)))).await?;
    let loaded = try_join_all(keys.iter().map(|key| store.load(key))).await?;
    for (index, found) in loaded.iter().enumerate() {
        expect_bytes(found, &data(index), format!("object {index}"))?;
    }
    keys.sort_unstable();
    expect_listing(store, &keys, &ListRequest::below(&*prefix)).await
}
