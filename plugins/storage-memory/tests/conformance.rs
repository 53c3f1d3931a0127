//! The memory adapter against the checks that every adapter passes, and its own promises.

use persist_plugin_api::{Bytes, ErrorCode, StorageAdapter as _};
use persist_storage_memory::{MemoryConfig, MemoryStorage};

#[tokio::test]
async fn every_check_passes() {
    let storage = MemoryStorage::open(MemoryConfig::new()).await.unwrap();
    persist_plugin_testkit::run_storage(&storage).await;
}

#[tokio::test]
async fn a_name_is_one_store_and_outlives_its_adapters() {
    let open = |config: MemoryConfig| MemoryStorage::open(config);
    open(MemoryConfig::new().name("one")).await.unwrap().save("k", Bytes::from_static(b"v")).await.unwrap();
    assert_eq!(open(MemoryConfig::new().name("one")).await.unwrap().load("k").await.unwrap(), "v");
    for other in [MemoryConfig::new().name("two"), MemoryConfig::new()] {
        assert!(!open(other).await.unwrap().exists("k").await.unwrap());
    }
}

#[tokio::test]
async fn a_shared_name_must_agree_on_its_bound() {
    let config = MemoryConfig::new().name("bound");
    let _first = MemoryStorage::open(config.clone().max_bytes(100)).await.unwrap();
    let error = MemoryStorage::open(config.max_bytes(200)).await.err().unwrap();
    assert_eq!(error.code(), ErrorCode::CONFIG);
    assert!(error.message().contains("100") && error.message().contains("200"), "{error}");
}

#[tokio::test]
async fn it_claims_no_durability() {
    let storage = MemoryStorage::open(MemoryConfig::new().max_bytes(5)).await.unwrap();
    let capabilities = storage.capabilities().await.unwrap();
    assert!(!capabilities.durable);
    assert_eq!(capabilities.max_object_size, Some(5));
}
