//! The checks that every storage adapter of Persist must pass, and the adapter's own promises.

use persist_plugin_api::{Bytes, DynStorage, ErrorCode, ListRequest, StorageAdapter as _};
use persist_storage_sqlite::{Sqlite, SqliteConfig};

#[test]
fn every_check_passes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("objects.sqlite");
    persist_plugin_testkit::test_storage(async || Sqlite::open(SqliteConfig::new(&path)).await);
}

#[test]
fn what_only_reads_makes_no_database() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("objects.sqlite");
        let store: Box<dyn DynStorage> = Box::new(Sqlite::open(SqliteConfig::new(&path)).await.unwrap());
        assert_eq!(store.load("k").await.unwrap_err().code(), ErrorCode::NOT_FOUND);
        assert!(store.list(ListRequest::below("")).await.unwrap().objects.is_empty());
        store.delete("k").await.unwrap();
        assert!(!path.exists());
        store.save("k", Bytes::from_static(b"v")).await.unwrap();
        assert!(path.exists());
    });
}

#[test]
fn a_missing_directory_and_a_file_that_is_no_database_are_told_apart() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let save = async |path: std::path::PathBuf| {
            let store: Box<dyn DynStorage> = Box::new(Sqlite::open(SqliteConfig::new(path)).await.unwrap());
            store.save("k", Bytes::from_static(b"v")).await.unwrap_err().code()
        };
        assert_eq!(save(directory.path().join("no/x.sqlite")).await, ErrorCode::CONTAINER_MISSING);
        let text = directory.path().join("text");
        std::fs::write(&text, "no database at all, but longer than its header. ".repeat(10)).unwrap();
        assert_eq!(save(text).await, ErrorCode::CORRUPT);
    });
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
