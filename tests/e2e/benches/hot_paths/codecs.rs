//! Each codec that comes with Persist, as the plugin that users have.

use criterion::{Criterion, Throughput};
use persist_e2e::library;
use persist_plugin_api::Bytes;
use persist_test_support::agent_state;
use serde_json::json;

const CODECS: [&str; 4] = ["gzip", "zstd", "lz4", "brotli"];

/// The length of the state in bytes.
const LENGTH: usize = 400_000;

pub(crate) fn benches(criterion: &mut Criterion) {
    let state = Bytes::from(agent_state(LENGTH));
    let mut group = criterion.benchmark_group("codecs");
    group.throughput(Throughput::Bytes(state.len() as u64));
    for name in CODECS {
        let codec = library::plugins().open_compression(name, &json!({})).expect("the plugin is built");
        let small = codec.compress(state.clone()).expect("it compresses");
        group.bench_function(format!("{name} compress 400 KB"), |bencher| {
            bencher.iter(|| codec.compress(state.clone()).expect("it compresses"));
        });
        group.bench_function(format!("{name} decompress 400 KB"), |bencher| {
            bencher.iter(|| codec.decompress(small.clone(), state.len() as u64).expect("it decompresses"));
        });
    }
    group.finish();
}
