//! Warm saves of a 400 KB state, for counting their instructions: `cargo xtask bench-overhead`.
//!
//! ```text
//! save-cost WATCHED DIR COUNT   saves COUNT times after some saves that warm up; WATCHED is
//!                               bare      nobody watches
//!                               metrics   metrics are counted
//!                               logs      metrics are counted, and a log at the level `info` is written to a file
//!                               debug     the same at the level `debug`
//! ```

use std::{env, fs::File, path::Path, sync::Arc};

use persist_e2e::linked::{self, NoCodecs};
use persist_host::{SaveRequest, Store, StoreOptions, Tuning, metrics};
use persist_plugin_api::StorageAdapter as _;
use persist_storage_local::{LocalConfig, LocalStorage};
use persist_test_support::agent_state;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many saves come first, so that the last state is in memory, with its index.
const WARM_UP: u64 = 3;

/// The state's length in bytes, and how many of them each save changes.
const STATE_BYTES: usize = 400_000;
const CHANGED_BYTES: usize = 2_000;

fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [watched, directory, count] = &arguments[..] else { return Err("expected WATCHED DIR COUNT".into()) };
    let directory = Path::new(directory);
    match watched.as_str() {
        "logs" => log(directory, "info")?,
        "debug" => log(directory, "debug")?,
        _ => {}
    }
    linked::runtime().block_on(save(watched != "bare", directory, count.parse()?))
}

async fn save(watched: bool, directory: &Path, count: u64) -> Result {
    let storage = LocalStorage::open(LocalConfig::new(directory.join("store"))).await?;
    let store = Store::new(StoreOptions {
        name: "main".to_owned(),
        storage_name: "local".to_owned(),
        storage: Arc::new(storage),
        codec_name: None,
        codecs: Arc::new(NoCodecs),
        single_writer: false,
        allow_volatile: false,
        tuning: Tuning::default(),
        observers: if watched { vec![metrics::observer()] } else { Vec::new() },
    });
    let half = String::from_utf8(agent_state(STATE_BYTES / 2))?;
    for step in 0..WARM_UP + count {
        store.save(SaveRequest::new("cost/session".parse()?, state(&half, step))).await?;
        // The one thread for such work is done with what a save leaves for later: it is never in the way of the next.
        tokio::task::spawn_blocking(|| ()).await?;
    }
    Ok(())
}

/// Two halves that stay, and between them a text that is another in each step.
fn state(half: &str, step: u64) -> String {
    let word = format!("{step:08}");
    format!(r#"{{"before":{half},"text":"{}","after":{half}}}"#, word.repeat(CHANGED_BYTES / word.len()))
}

fn log(directory: &Path, filter: &str) -> Result {
    std::fs::create_dir_all(directory)?;
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(false).with_writer(File::create(directory.join("log"))?);
    tracing_subscriber::registry().with(lines).with(EnvFilter::new(filter)).init();
    Ok(())
}
