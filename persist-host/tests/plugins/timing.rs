//! How long it takes to find, check and load plugins. Prints figures for `docs/performance.md` and judges none.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use minisign::KeyPair;
use persist_host::{Plugins, SearchPath, TrustPolicy, lock_plugins};
use serde_json::json;

use crate::support::*;

const PLUGINS: usize = 10;
const ROUNDS: usize = 5;

/// How many copies of the plugin there are.
static COPIES: AtomicUsize = AtomicUsize::new(0);

#[test]
#[ignore = "takes a while and prints figures"]
fn time_to_load_ten_plugins() {
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    let signed = TrustPolicy::new().trust_keys([pair.pk.to_base64().parse().unwrap()]);
    let stripped = stripped();
    println!("{PLUGINS} plugins of {} bytes, fastest of {ROUNDS}", stripped.len());
    let plain = |_: &Path| {};
    let locked = |directory: &Path| drop(lock_plugins(&search(directory), None).unwrap());
    let signed_file = |directory: &Path| {
        let file = directory.join("plugin.so");
        let bytes = fs::read(&file).unwrap();
        let signature = minisign::sign(Some(&pair.pk), &pair.sk, bytes.as_slice(), None, None).unwrap();
        fs::write(directory.join("plugin.so.minisig"), signature.to_string()).unwrap();
    };
    fastest("without a lock file", &stripped, &TrustPolicy::new(), &plain);
    fastest("with a lock file", &stripped, &TrustPolicy::new().require_lock(true), &locked);
    fastest("with a signature each", &stripped, &signed, &signed_file);
}

/// The test plugin without debug information, as plugins are shipped.
fn stripped() -> Vec<u8> {
    let scratch = directory();
    let path = scratch.path().join("stripped.so");
    fs::copy(test_plugin(), &path).unwrap();
    assert!(Command::new("strip").arg(&path).status().unwrap().success());
    fs::read(path).unwrap()
}

/// Loads plugins that this process has not loaded yet, in several rounds.
fn fastest(what: &str, library: &[u8], policy: &TrustPolicy, prepare: &dyn Fn(&Path)) {
    let rounds: Vec<_> = (0..ROUNDS).map(|_| load(library, policy, prepare)).collect();
    let best = |times: &dyn Fn(&(Duration, Duration)) -> Duration| rounds.iter().map(times).min().unwrap();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (wall, processor) = (milliseconds(best(&|it| it.0)), milliseconds(best(&|it| it.1)));
    println!("{what}: {wall:.1} ms, {processor:.1} ms of processor time");
}

fn load(library: &[u8], policy: &TrustPolicy, prepare: &dyn Fn(&Path)) -> (Duration, Duration) {
    let directories: Vec<_> = (0..PLUGINS).map(|_| directory()).collect();
    for directory in &directories {
        let mut bytes = library.to_vec();
        // Bytes of its own, so that it is loaded although others of its kind are.
        bytes.extend(vec![0; COPIES.fetch_add(1, Ordering::Relaxed)]);
        write(&directory.path().join("plugin.so"), &bytes);
        prepare(directory.path());
    }
    let searches: Vec<SearchPath> =
        directories.iter().map(|it| search(it.path()).with_policy(policy.clone())).collect();
    let (start, processor) = (Instant::now(), processor_time());
    let opened: Vec<_> = searches
        .iter()
        .map(|search| block_on(Plugins::discover(search).open_storage("shelf", &json!({}))).unwrap())
        .collect();
    let taken = (start.elapsed(), processor_time() - processor);
    assert_eq!(opened.len(), PLUGINS);
    taken
}

/// The processor time of this process so far, which other processes do not stretch.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}
