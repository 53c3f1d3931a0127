//! Functions over bytes: the check that a state is JSON, its hash, and reading an object's header.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use persist_e2e::library;
use persist_host::{ContentHash, SaveRequest, SessionRef, format::Record, key, validate_json};
use persist_test_support::agent_state;
use serde_json::json;

use crate::{STATES, runtime, uncompressed};

pub(crate) fn benches(criterion: &mut Criterion) {
    for (name, length) in STATES {
        let state = agent_state(length);
        let mut group = criterion.benchmark_group("bytes");
        group.throughput(Throughput::Bytes(state.len() as u64));
        group.bench_function(format!("validate {name}"), |bencher| {
            bencher.iter(|| validate_json(black_box(&state)).expect("it is JSON"));
        });
        group.bench_function(format!("hash {name}"), |bencher| {
            bencher.iter(|| ContentHash::of(black_box(&state)));
        });
        group.finish();
    }
    let object = object();
    criterion.bench_function("header parse", |bencher| {
        bencher.iter(|| Record::parse_prefix(black_box(&object)).expect("it is a header"));
    });
}

/// The object of a delta, whose header names an ancestor.
fn object() -> persist_plugin_api::Bytes {
    runtime().block_on(async {
        let storage = library::storage("memory", &json!({})).await;
        let store = uncompressed(&storage);
        let session: SessionRef = "bench/header".parse().expect("a session");
        let mut last = None;
        for length in [40_000, 44_000] {
            let request = SaveRequest::new(session.clone(), agent_state(length));
            last = Some(store.save(request).await.expect("it saves").snapshot_index);
        }
        storage.load(&key::snapshot_key(&session, last.expect("an index"))).await.expect("it is there")
    })
}
