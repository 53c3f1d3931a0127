//! Removing objects.

use bytes::Bytes;
use futures_util::future::join_all;
use persist_plugin_api::{DynStorage, ErrorCode};

use crate::failure::{Outcome, ensure, expect_error};
use crate::sample::fresh_prefix;

/// After a deletion the object is absent on every way of asking.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_deleted_object_is_gone(store: &dyn DynStorage) -> Outcome {
    let key = format!("{}deep/object", fresh_prefix("delete"));
    store.save(&key, Bytes::from_static(b"x")).await?;
    store.delete(&key).await?;
    ensure!(!store.exists(&key).await?, "exists is true after delete");
    expect_error(store.load(&key).await, ErrorCode::NOT_FOUND, "load after delete")?;
    expect_error(store.stat(&key).await, ErrorCode::NOT_FOUND, "stat after delete")?;
    Ok(())
}

/// Deleting what is absent succeeds: never written, in no directory, just deleted, or deleted by another task.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn deleting_twice_succeeds(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("twice");
    store.delete(&format!("{prefix}never")).await?;
    store.delete(&format!("{prefix}no/such/directory")).await?;
    let key = format!("{prefix}object");
    store.save(&key, Bytes::from_static(b"x")).await?;
    store.delete(&key).await?;
    store.delete(&key).await?;
    store.save(&key, Bytes::from_static(b"x")).await?;
    for result in join_all((0..8).map(|_| store.delete(&key))).await {
        result?;
    }
    ensure!(!store.exists(&key).await?, "exists is true after eight deletions");
    Ok(())
}

/// A deletion removes that key alone.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn neighbours_stay(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("neighbours");
    let others = ["b0", "b.", "ab", "B", "c/b"].map(|name| format!("{prefix}{name}"));
    for key in others.iter().chain([&format!("{prefix}b")]) {
        store.save(key, Bytes::from_static(b"x")).await?;
    }
    store.delete(&format!("{prefix}b")).await?;
    for key in &others {
        ensure!(store.exists(key).await?, "deleting \"b\" removed {key:?}");
    }
    Ok(())
}
