//! Both adapters pass the checks that every adapter passes, over disk and over memory, for whatever the reads are said to be.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use persist_plugin_api::{DynStorage, Part, ReadPurpose, Result, StorageAdapter};
use persist_plugin_testkit::{handle_checks, run_storage};
use persist_storage_local::{LocalConfig, LocalStorage};
use persist_storage_memory::{MemoryConfig, MemoryStorage};
use persist_storage_tiered::{ReplicatedConfig, ReplicatedStorage, TieredConfig, TieredStorage};

const PURPOSES: [ReadPurpose; 3] = [ReadPurpose::Decide, ReadPurpose::Consult, ReadPurpose::Content];

async fn local(root: &Path, name: &str) -> Part {
    Part::new(Arc::new(LocalStorage::open(LocalConfig::new(root.join(name)).fsync(false)).await.unwrap()))
}

async fn memory() -> Part {
    Part::new(Arc::new(MemoryStorage::open(MemoryConfig::new()).await.unwrap()))
}

/// Without a marker nothing is cached.
async fn with_marker(storage: impl StorageAdapter) -> impl StorageAdapter {
    storage.save("persist-store.json", "{}".into()).await.unwrap();
    storage
}

#[tokio::test(flavor = "multi_thread")]
async fn tiered_passes_every_check() {
    let root = tempfile::tempdir().unwrap();
    for (number, purpose) in PURPOSES.into_iter().enumerate() {
        let (cache, remote) =
            (local(root.path(), "cache").await, local(root.path(), &number.to_string()).await);
        let on_disk = TieredStorage::open(TieredConfig::new(cache, remote)).await.unwrap();
        purpose.scope(run_storage(&with_marker(on_disk).await)).await;
        let config = TieredConfig::new(memory().await, memory().await).max_bytes(100_000);
        let in_memory = TieredStorage::open(config).await.unwrap();
        purpose.scope(run_storage(&with_marker(in_memory).await)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicated_passes_every_check() {
    let root = tempfile::tempdir().unwrap();
    for (number, purpose) in PURPOSES.into_iter().enumerate() {
        let primary = local(root.path(), &format!("{number}-primary")).await;
        let replicas = vec![local(root.path(), &format!("{number}-replica")).await, memory().await];
        let storage = ReplicatedStorage::open(ReplicatedConfig::new(primary, replicas)).await.unwrap();
        purpose.scope(run_storage(&with_marker(storage).await)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_handle_did_another_finds() {
    let root = tempfile::tempdir().unwrap();
    let open = || -> futures_util::future::LocalBoxFuture<'_, Result<Box<dyn DynStorage>>> {
        Box::pin(async {
            let (cache, remote) = (local(root.path(), "c").await, local(root.path(), "r").await);
            let tiered = TieredStorage::open(TieredConfig::new(cache, remote)).await?;
            let replica = local(root.path(), "copy").await;
            let config = ReplicatedConfig::new(Part::new(Arc::new(tiered)), vec![replica]);
            Ok(Box::new(ReplicatedStorage::open(config).await?) as Box<dyn DynStorage>)
        })
    };
    for check in handle_checks() {
        let outcome = check.attempt(&open).await;
        assert!(outcome.is_ok(), "{}: {}", check.name, outcome.unwrap_err());
    }
}
