//! What a call costs because it crosses the boundary. Prints figures for `docs/performance.md` and judges none.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use persist_host::Plugins;
use persist_plugin_api::{Bytes, DynStorage, StorageAdapter};
use serde_json::{from_value, json};

use crate::support::*;

/// The very adapter that is in the plugin.
#[path = "../fixtures/plugin.rs"]
#[expect(unreachable_pub, reason = "as a plugin it is a crate")]
mod linked;

const LARGE: usize = 100 << 20;
const CALLS: u32 = 100_000;
const ROUNDS: u32 = 5;

#[test]
#[ignore = "takes a while and prints figures"]
fn overhead_of_the_boundary() {
    let directory = directory();
    install(directory.path(), "libtest.so");
    let plugins = Plugins::discover(&search(directory.path()));
    let loaded = block_on(plugins.open_storage("shelf", &json!({}))).unwrap();
    let options = from_value(json!({})).unwrap();
    let linked: Arc<dyn DynStorage> = Arc::new(block_on(linked::Shelf::open(options)).unwrap());
    println!("fastest of {ROUNDS}");
    for (name, storage) in [("linked", &linked), ("plugin", &loaded)] {
        let call = fastest(|| {
            block_on(async {
                for _ in 0..CALLS {
                    storage.capabilities().await.unwrap();
                }
            });
        });
        println!("{name}: an empty call {:.0} ns", call.as_secs_f64() * 1e9 / f64::from(CALLS));
        let data = Bytes::from(vec![7; LARGE]);
        let save = fastest(|| block_on(storage.save("k", data.clone())).unwrap());
        let load = fastest(|| drop(block_on(storage.load("k")).unwrap()));
        let back = block_on(storage.load("k")).unwrap();
        let copied = if back.as_ptr() == data.as_ptr() { 0 } else { back.len() };
        let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
        let (save, load) = (microseconds(save), microseconds(load));
        println!("{name}: 100 MiB saved in {save:.1} µs, loaded in {load:.1} µs, {copied} bytes copied");
    }
}

fn fastest(work: impl Fn()) -> Duration {
    let once = || {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..ROUNDS).map(|_| once()).min().unwrap()
}
