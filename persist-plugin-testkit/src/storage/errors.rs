//! What is not there, and how that is said.

use bytes::Bytes;
use persist_plugin_api::{DynStorage, ErrorCode};

use crate::failure::{Outcome, ensure, expect_error};
use crate::sample::fresh_prefix;

/// Reading what was never written is `NOT_FOUND`, which is no invitation to try again.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn absent_objects_are_not_found(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("absent");
    store.save(&format!("{prefix}here"), Bytes::from_static(b"x")).await?;
    for name in ["gone", "no/such/directory", "her", "here2"] {
        expect_absent(store, &format!("{prefix}{name}")).await?;
    }
    Ok(())
}

/// The directory of an object is no object: it cannot be read, and deleting it removes nothing.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_directory_is_no_object(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("directory");
    let key = format!("{prefix}some/object");
    store.save(&key, Bytes::from_static(b"x")).await?;
    let directory = format!("{prefix}some");
    expect_absent(store, &directory).await?;
    store.delete(&directory).await?;
    ensure!(store.exists(&key).await?, "deleting {directory:?} removed {key:?}");
    Ok(())
}

/// Keys below an object's key are absent like any other.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn nothing_is_below_an_object(store: &dyn DynStorage) -> Outcome {
    let key = format!("{}object", fresh_prefix("below"));
    store.save(&key, Bytes::from_static(b"x")).await?;
    for below in ["x", "x/y"] {
        expect_absent(store, &format!("{key}/{below}")).await?;
        store.delete(&format!("{key}/{below}")).await?;
    }
    ensure!(store.exists(&key).await?, "deleting below {key:?} removed it");
    Ok(())
}

async fn expect_absent(store: &dyn DynStorage, key: &str) -> Outcome {
    let load = expect_error(store.load(key).await, ErrorCode::NOT_FOUND, format!("load of {key:?}"))?;
    ensure!(!load.is_retryable(), "load of {key:?}: the error must not ask for another try");
    expect_error(store.stat(key).await, ErrorCode::NOT_FOUND, format!("stat of {key:?}"))?;
    expect_error(store.load_range(key, 0..1).await, ErrorCode::NOT_FOUND, format!("load_range of {key:?}"))?;
    ensure!(!store.exists(key).await?, "exists is true for {key:?}");
    Ok(())
}
