//! How long the paths take that everything passes through: `cargo xtask bench-hot-paths`, and as a smoke test, each once
//! and on little data, `cargo test -p persist-e2e --bench hot_paths`.
//!
//! Codecs and storage are the built plugins. What is private to the engine, the deltas, is measured through a store that
//! compresses nothing and keeps its objects in memory.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has to stop, and to say where")]

mod bytes;
mod codecs;
mod delta;
mod listing;
mod storage;

use std::{env, sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use persist_e2e::linked::NoCodecs;
use persist_host::{Store, StoreOptions, Tuning};
use persist_plugin_api::DynStorage;
use tokio::runtime::Runtime;

/// The lengths of states in bytes, with their names: what most agents have, and a large one.
const STATES: [(&str, usize); 2] = [("400 KB", 400_000), ("10 MB", 10_000_000)];

criterion_group! {
    name = hot_paths;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(3));
    targets = bytes::benches, codecs::benches, delta::benches, storage::benches, listing::benches
}
criterion_main!(hot_paths);

/// Whether times are asked for: without this option criterion runs everything once.
fn is_measured() -> bool {
    env::args().any(|argument| argument == "--bench")
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// A store without a codec that has no state in memory.
fn uncompressed(storage: &Arc<dyn DynStorage>) -> Store {
    Store::new(StoreOptions {
        name: "bench".to_owned(),
        storage_name: "memory".to_owned(),
        storage: Arc::clone(storage),
        codec_name: None,
        codecs: Arc::new(NoCodecs),
        single_writer: false,
        allow_volatile: true,
        tuning: Tuning::default(),
        observers: Vec::new(),
    })
}
