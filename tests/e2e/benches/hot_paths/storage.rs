//! Local storage, linked into the program and loaded as a plugin: a call that does nothing, and a durable write.

use std::{cell::Cell, sync::Arc};

use criterion::Criterion;
use persist_e2e::library;
use persist_plugin_api::{Bytes, DynStorage, StorageAdapter as _};
use persist_storage_local::{LocalConfig, LocalStorage};
use persist_test_support::profile_dir;
use serde_json::json;

use crate::runtime;

/// The length of what is written, in bytes.
const LENGTH: usize = 10_000;

pub(crate) fn benches(criterion: &mut Criterion) {
    let runtime = runtime();
    // Below the target directory, for temporary directories may be in memory.
    let directory = tempfile::tempdir_in(profile_dir()).expect("a directory");
    let loaded =
        runtime.block_on(library::storage("local", &json!({ "root": directory.path().join("plugin") })));
    let linked = runtime.block_on(LocalStorage::open(LocalConfig::new(directory.path().join("linked"))));
    let linked: Arc<dyn DynStorage> = Arc::new(linked.expect("a directory"));
    let data = Bytes::from(vec![b'x'; LENGTH]);
    for (name, storage) in [("linked", linked), ("plugin", loaded)] {
        let mut group = criterion.benchmark_group("storage");
        group.bench_function(format!("empty call, {name}"), |bencher| {
            bencher.iter(|| runtime.block_on(storage.capabilities()).expect("it answers"));
        });
        let written = Cell::new(0_u64);
        group.bench_function(format!("durable write of 10 KB, {name}"), |bencher| {
            bencher.iter(|| {
                written.set(written.get() + 1);
                let key = format!("bench/{}", written.get());
                runtime.block_on(storage.save_if_absent(&key, data.clone())).expect("it writes");
            });
        });
        group.finish();
    }
}
