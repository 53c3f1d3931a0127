//! Many calls, large ones and slow ones across the boundary.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::sync::Arc;
use std::task::{Context, Waker};

use futures_util::future::join_all;
use persist_host::Plugins;
use persist_plugin_api::{Bytes, DynStorage};
use serde_json::json;

use crate::support::*;

const LARGE: usize = 100 << 20;
const CALLS: usize = 1000;

fn shelf() -> (tempfile::TempDir, Arc<dyn DynStorage>) {
    let directory = directory();
    install(directory.path(), "libtest.so");
    let plugins = Plugins::discover(&search(directory.path()));
    let storage = block_on(plugins.open_storage("shelf", &json!({}))).unwrap();
    (directory, storage)
}

#[test]
fn a_thousand_calls_at_once_cross_and_each_gets_its_own_answer() {
    let (_directory, storage) = shelf();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(8).build().unwrap();
    let calls = (0..CALLS).map(|call| {
        let storage = Arc::clone(&storage);
        runtime.spawn(async move {
            let (key, data) = (format!("k/{call}"), Bytes::from(call.to_string()));
            storage.save(&key, data.clone()).await.unwrap();
            // All have begun before any goes on.
            tokio::task::yield_now().await;
            assert_eq!(storage.load(&key).await.unwrap(), data);
            assert_eq!(storage.stat(&key).await.unwrap().size, data.len() as u64);
        })
    });
    let calls: Vec<_> = calls.collect();
    for call in runtime.block_on(join_all(calls)) {
        call.unwrap();
    }
}

#[test]
fn a_thousand_futures_of_one_thread_wait_in_the_plugin_and_are_dropped() {
    let directory = directory();
    let path = directory.path().join("libunruly.so");
    std::fs::copy(example("libunruly_plugin.so"), &path).unwrap();
    let plugins = Plugins::discover(&search(directory.path()));
    let storage = block_on(plugins.open_storage("silent", &json!({"never": "load"}))).unwrap();
    block_on(async {
        let mut calls: Vec<_> = (0..CALLS).map(|_| storage.load("k")).collect();
        for call in &mut calls {
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(calls);
        assert!(!storage.exists("k").await.unwrap(), "the adapter still answers");
    });
}

#[test]
fn a_hundred_megabytes_cross_both_ways_without_a_copy() {
    let (_directory, storage) = shelf();
    let data = Bytes::from(vec![7; LARGE]);
    block_on(storage.save("k", data.clone())).unwrap();
    let back = block_on(storage.load("k")).unwrap();
    // The same memory, so that not one byte was copied: neither into the plugin, which kept what it got, nor out.
    assert_eq!((back.as_ptr(), back.len()), (data.as_ptr(), LARGE));
    let part = block_on(storage.load_range("k", 10..20)).unwrap();
    assert_eq!(part.as_ptr(), data[10..].as_ptr());
    block_on(storage.delete("k")).unwrap();
    drop(storage);
    assert!(!data.is_unique(), "the answers still hold the memory");
    drop((back, part));
    assert!(data.is_unique(), "the plugin let go of it");
}
