//! The local adapter against the checks that every adapter passes, and what its options promise.

use persist_plugin_api::{Bytes, ErrorCode, StorageAdapter as _};
use persist_storage_local::{LocalConfig, LocalStorage};

#[test]
fn every_check_passes() {
    let root = tempfile::tempdir().unwrap();
    persist_plugin_testkit::test_storage(async || LocalStorage::open(LocalConfig::new(root.path())).await);
}

#[tokio::test]
async fn every_check_passes_without_syncing() {
    let root = tempfile::tempdir().unwrap();
    let storage = LocalStorage::open(LocalConfig::new(root.path().join("new")).fsync(false)).await.unwrap();
    persist_plugin_testkit::run_storage(&storage).await;
}

#[tokio::test]
async fn a_missing_root_is_empty_until_the_first_save() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("a/b");
    let storage = LocalStorage::open(LocalConfig::new(&root)).await.unwrap();
    assert!(storage.capabilities().await.unwrap().durable);
    assert_eq!(storage.load("k").await.unwrap_err().code(), ErrorCode::NOT_FOUND);
    assert!(!storage.exists("k").await.unwrap());
    storage.delete("k").await.unwrap();
    assert!(storage.list(persist_plugin_api::ListRequest::below("")).await.unwrap().objects.is_empty());
    assert!(!parent.path().join("a").exists());
    storage.save("k", Bytes::from_static(b"v")).await.unwrap();
    assert_eq!(std::fs::read(root.join("k")).unwrap(), b"v");
}

#[tokio::test]
async fn a_root_that_is_a_file_is_a_wrong_option() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for root in [file.path().to_owned(), file.path().join("below")] {
        let error = LocalStorage::open(LocalConfig::new(&root)).await.err().unwrap();
        assert_eq!(error.code(), ErrorCode::CONFIG);
        assert!(error.message().contains(root.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_regular_file_is_neither_waited_for_nor_read() {
    let root = tempfile::tempdir().unwrap();
    let socket = std::os::unix::net::UnixListener::bind(root.path().join("socket"));
    let made = std::process::Command::new("mkfifo").arg(root.path().join("pipe")).status();
    assert!(made.unwrap().success() && socket.is_ok());
    let storage = LocalStorage::open(LocalConfig::new(root.path())).await.unwrap();
    for key in ["socket", "pipe"] {
        let error = storage.load(key).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::OTHER);
        assert!(storage.exists(key).await.is_err());
    }
}
