//! An operation of the engine, over and over, for counting its instructions: `cargo xtask bench-instructions` and
//! `bench-overhead`.
//!
//! ```text
//! operation-cost OPERATION CODEC WATCHED DIR COUNT
//!
//! OPERATION   warm-save   a state of 400 KB with 2 KB changed, the state before at hand
//!             restore     that state, by a store that has seen nothing yet
//!             cold-save   the first state of a session, 3 MB
//! CODEC       none        nothing is compressed
//!             a name      the codec of that plugin
//! WATCHED     bare        nobody watches
//!             metrics     metrics are counted
//!             logs        metrics are counted, and a log at the level `info` is written to a file
//!             debug       the same at the level `debug`
//! COUNT       how often, after what warms up; none is allowed, and what it takes is what the others take beside
//! ```
//!
//! Everything runs on two threads, one of them for whatever blocks, and the states are the same in each run.

use std::{env, fs::File, path::Path, sync::Arc};

use persist_e2e::{
    library,
    linked::{self, NoCodecs},
};
use persist_host::{SaveRequest, SessionRef, SnapshotRef, Store, StoreOptions, Tuning, metrics};
use persist_plugin_api::{Bytes, DynStorage, StorageAdapter as _};
use persist_storage_local::{LocalConfig, LocalStorage};
use persist_test_support::agent_state;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many saves come first, so that the last state is in memory, with its index.
const WARM_UP: u64 = 3;

/// The warm state's length in bytes, and how many of them each save changes.
const STATE_BYTES: usize = 400_000;
const CHANGED_BYTES: usize = 2_000;

/// The length in bytes of what a session's first state repeats, farther apart than gzip looks, and how often: making all of it
/// anew would take more instructions than saving it.
const PART_BYTES: usize = 300_000;
const PARTS: usize = 10;

fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [operation, codec, watched, directory, count] = &arguments[..] else {
        return Err("expected OPERATION CODEC WATCHED DIR COUNT".into());
    };
    let directory = Path::new(directory);
    match watched.as_str() {
        "logs" => log(directory, "info")?,
        "debug" => log(directory, "debug")?,
        _ => {}
    }
    linked::runtime().block_on(async {
        let storage = LocalStorage::open(LocalConfig::new(directory.join("store"))).await?;
        let setup = Setup { storage: Arc::new(storage), codec, watched: watched != "bare" };
        run(operation, &setup, count.parse()?).await
    })
}

async fn run(operation: &str, setup: &Setup<'_>, count: u64) -> Result {
    let session: SessionRef = "cost/session".parse()?;
    let store = setup.store();
    let half = String::from_utf8(agent_state(STATE_BYTES / 2))?;
    for step in 0..WARM_UP {
        save(&store, &session, state(&half, step)).await?;
    }
    match operation {
        "warm-save" => {
            for step in WARM_UP..WARM_UP + count {
                save(&store, &session, state(&half, step)).await?;
            }
        }
        "restore" => {
            let snapshot: SnapshotRef = "cost/session".parse()?;
            let expected = state(&half, WARM_UP - 1);
            for _ in 0..count {
                let restored = setup.store().restore(&snapshot).await?;
                if restored.state != expected.as_bytes() {
                    return Err("another state came back".into());
                }
            }
        }
        "cold-save" => {
            let part = String::from_utf8(agent_state(PART_BYTES))?;
            let first = format!("[{}]", vec![part; PARTS].join(","));
            for number in 0..count {
                save(&store, &format!("cost/first-{number}").parse()?, first.clone()).await?;
            }
        }
        other => return Err(format!("there is no operation {other:?}").into()),
    }
    Ok(())
}

async fn save(store: &Store, session: &SessionRef, state: impl Into<Bytes>) -> Result {
    store.save(SaveRequest::new(session.clone(), state)).await?;
    // The one thread for such work is done with what a save leaves for later: it is never in the way of the next.
    Ok(tokio::task::spawn_blocking(|| ()).await?)
}

/// What stores are made of.
struct Setup<'a> {
    storage: Arc<dyn DynStorage>,
    codec: &'a str,
    watched: bool,
}

impl Setup<'_> {
    /// A store that has no state in memory.
    fn store(&self) -> Store {
        let compressed = self.codec != "none";
        Store::new(StoreOptions {
            name: "main".to_owned(),
            storage_name: "local".to_owned(),
            storage: Arc::clone(&self.storage),
            codec_name: compressed.then(|| self.codec.to_owned()),
            codecs: if compressed { library::plugins() } else { Arc::new(NoCodecs) },
            single_writer: false,
            allow_volatile: false,
            tuning: Tuning::default(),
            observers: if self.watched { vec![metrics::observer()] } else { Vec::new() },
        })
    }
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
