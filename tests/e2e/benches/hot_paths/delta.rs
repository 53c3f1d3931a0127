//! Deltas: a save finds, checks, hashes and stores what is new; a restore puts a state together from a chain.

use std::cell::Cell;

use criterion::{BatchSize, Criterion};
use persist_e2e::library;
use persist_host::{SaveRequest, SessionRef, SnapshotRef};
use persist_test_support::agent_state;
use serde_json::json;

use crate::{STATES, runtime, uncompressed};

/// How many bytes each state has that the one before does not, in the middle.
const CHANGED: usize = 2_000;

/// How many snapshots the session has whose last one is restored.
const CHAIN: u64 = 8;

pub(crate) fn benches(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("delta");
    for (name, length) in STATES {
        let half = String::from_utf8(agent_state(length / 2)).expect("it is text");
        let session: SessionRef = "bench/delta".parse().expect("a session");
        let snapshot: SnapshotRef = "bench/delta".parse().expect("a snapshot");

        let storage = runtime.block_on(library::storage("memory", &json!({})));
        let store = uncompressed(&storage);
        for step in 0..CHAIN {
            let request = SaveRequest::new(session.clone(), state(&half, step));
            runtime.block_on(store.save(request)).expect("it saves");
        }
        group.bench_function(format!("decode {name}"), |bencher| {
            // A store of its own has no state in memory.
            bencher
                .iter(|| runtime.block_on(uncompressed(&storage).restore(&snapshot)).expect("it restores"));
        });
        let step = Cell::new(CHAIN);
        group.bench_function(format!("encode {name}"), |bencher| {
            let next = || {
                step.set(step.get() + 1);
                SaveRequest::new(session.clone(), state(&half, step.get()))
            };
            let save = |request| runtime.block_on(store.save(request)).expect("it saves");
            bencher.iter_batched(next, save, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn state(half: &str, step: u64) -> String {
    let word = format!("{step:08}");
    format!(r#"{{"before":{half},"text":"{}","after":{half}}}"#, word.repeat(CHANGED / word.len()))
}
