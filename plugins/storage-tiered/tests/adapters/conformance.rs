//! Both adapters pass the checks that every adapter passes, for whatever the reads are said to be.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use persist_plugin_api::{DynStorage, Part, ReadPurpose, Result, StorageAdapter};
use persist_plugin_testkit::{handle_checks, run_storage};
use persist_storage_tiered::{ReplicatedConfig, ReplicatedStorage, TieredConfig, TieredStorage};

use crate::support::{MARKER, Place};

const PURPOSES: [ReadPurpose; 3] = [ReadPurpose::Decide, ReadPurpose::Consult, ReadPurpose::Content];

/// Without a marker nothing is cached.
async fn with_marker(storage: impl StorageAdapter) -> impl StorageAdapter {
    storage.save(MARKER, "{}".into()).await.unwrap();
    storage
}

#[tokio::test(flavor = "multi_thread")]
async fn tiered_passes_every_check() {
    for purpose in PURPOSES {
        for max_bytes in [100_000, 1 << 30] {
            let (cache, remote) = (Place::default(), Place::default());
            let config = TieredConfig::new(cache.part(), remote.part()).max_bytes(max_bytes);
            let storage = TieredStorage::open(config).await.unwrap();
            purpose.scope(run_storage(&with_marker(storage).await)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicated_passes_every_check() {
    for purpose in PURPOSES {
        let [primary, one, other] = [(); 3].map(|()| Place::default());
        let config = ReplicatedConfig::new(primary.part(), vec![one.part(), other.part()]);
        let storage = ReplicatedStorage::open(config).await.unwrap();
        purpose.scope(run_storage(&with_marker(storage).await)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_handle_did_another_finds() {
    let [cache, remote, replica] = [(); 3].map(|()| Place::default());
    let open = || -> LocalBoxFuture<'_, Result<Box<dyn DynStorage>>> {
        Box::pin(async {
            let tiered = TieredStorage::open(TieredConfig::new(cache.part(), remote.part())).await?;
            let config = ReplicatedConfig::new(Part::new(Arc::new(tiered)), vec![replica.part()]);
            Ok(Box::new(ReplicatedStorage::open(config).await?) as Box<dyn DynStorage>)
        })
    };
    for check in handle_checks() {
        let outcome = check.attempt(&open).await;
        assert!(outcome.is_ok(), "{}: {}", check.name, outcome.unwrap_err());
    }
}
