//! What is saved comes back.

use bytes::Bytes;
use persist_plugin_api::{DynStorage, ErrorCode};

use crate::failure::{Outcome, ensure, expect_bytes, expect_error};
use crate::sample::{MIB, fresh_prefix, noise};

/// Objects of 0 and 1 byte, 1 MiB and 20 MiB come back byte for byte, whichever way they were written.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn every_size_comes_back(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("sizes");
    let bound = store.capabilities().await?.max_object_size;
    for size in [0, 1, MIB, 20 * MIB] {
        if bound.is_some_and(|bound| size as u64 > bound) {
            continue;
        }
        let data = noise(size, size as u64);
        let (saved, created) = (format!("{prefix}save-{size}"), format!("{prefix}create-{size}"));
        store.save(&saved, data.clone()).await?;
        store.save_if_absent(&created, data.clone()).await?;
        expect_bytes(&store.load(&saved).await?, &data, format!("load after save of {size} bytes"))?;
        expect_bytes(
            &store.load(&created).await?,
            &data,
            format!("load after save_if_absent of {size} bytes"),
        )?;
    }
    Ok(())
}

/// `save` under a key that is taken leaves the new bytes and none of the old ones, longer or shorter.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn save_replaces_the_whole_object(store: &dyn DynStorage) -> Outcome {
    let key = format!("{}object", fresh_prefix("replace"));
    for (round, size) in [5000, 70_000, 10, 0, 3].into_iter().enumerate() {
        let data = noise(size, round as u64 + 1);
        store.save(&key, data.clone()).await?;
        expect_bytes(&store.load(&key).await?, &data, format!("load after replacing with {size} bytes"))?;
        let found = store.stat(&key).await?.size;
        ensure!(found == size as u64, "stat after replacing: size {found}, expected {size}");
    }
    Ok(())
}

/// `stat` reports the whole key and the size, `exists` is true for what is there and false for what is not.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn stat_and_exists_know_the_object(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("stat");
    let key = format!("{prefix}deep/er/object");
    ensure!(!store.exists(&key).await?, "exists is true for {key:?} before it was saved");
    expect_error(store.stat(&key).await, ErrorCode::NOT_FOUND, "stat of an absent object")?;
    store.save_if_absent(&key, Bytes::from_static(b"twelve bytes")).await?;
    let meta = store.stat(&key).await?;
    ensure!(meta.key == key, "stat: key {:?}, expected {key:?}", meta.key);
    ensure!(meta.size == 12, "stat: size {}, expected 12", meta.size);
    ensure!(store.exists(&key).await?, "exists is false for {key:?} after it was saved");
    ensure!(!store.exists(&format!("{key}2")).await?, "exists is true for a longer key");
    Ok(())
}
