//! Listing a store of many snapshots.

use std::time::Duration;

use criterion::Criterion;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use persist_e2e::library;
use persist_host::{RefPattern, SaveRequest, SessionRef, Store};
use persist_test_support::profile_dir;
use serde_json::json;

use crate::{is_measured, runtime};

/// How many snapshots each session has.
const SNAPSHOTS: usize = 100;

/// How many sessions are made at once.
const AT_ONCE: usize = 8;

pub(crate) fn benches(criterion: &mut Criterion) {
    let runtime = runtime();
    let sessions = if is_measured() { 1_000 } else { 2 };
    let mut made = None;
    let mut group = criterion.benchmark_group("list");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    group.bench_function(format!("{} snapshots", sessions * SNAPSHOTS), |bencher| {
        // Made only where it is asked for, once: it takes a minute.
        let (_directory, store) = made.get_or_insert_with(|| {
            let directory = tempfile::tempdir_in(profile_dir()).expect("a directory");
            let options = json!({ "root": directory.path(), "fsync": false });
            let store = runtime.block_on(library::store("local", &options));
            runtime.block_on(fill(&store, sessions));
            (directory, store)
        });
        bencher.iter(|| {
            let pattern: RefPattern = "agent".parse().expect("a pattern");
            let rows = runtime.block_on(store.list(&pattern).try_fold(0, async |rows, _| Ok(rows + 1)));
            assert_eq!(rows.expect("it lists"), sessions * SNAPSHOTS);
        });
    });
    group.finish();
}

async fn fill(store: &Store, sessions: usize) {
    let filled = stream::iter(0..sessions).map(async |session| {
        let name: SessionRef = format!("agent/s{session:04}").parse().expect("a session");
        for step in 0..SNAPSHOTS {
            let state = format!("{{\"session\":{session},\"step\":{step}}}");
            store.save(SaveRequest::new(name.clone(), state)).await.expect("it saves");
        }
    });
    filled.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
