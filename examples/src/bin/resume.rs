//! An agent that saves its state after every step and goes on where it stopped, even from an earlier moment.
//!
//! Run it with `cargo run -p persist-examples --bin resume`, after `cargo xtask plugins` has built the plugins. It keeps
//! its store in a temporary directory.

use std::error::Error;
use std::sync::Arc;

use persist_host::config::{self, ConfigSources};
use persist_host::{
    ErrorKind, Expect, Plugins, SaveRequest, SearchPath, SessionRef, SnapshotIndex, SnapshotRef, Store,
    StoreUse, open_store,
};
use serde::{Deserialize, Serialize};

/// What this agent would lose if the process ended.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    notes: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let store = open(directory.path()).await?;
    let session: SessionRef = "researcher/question-1".parse()?;

    // The first run takes three steps and is interrupted; the second finds its state again.
    run(&store, &session, 3).await?;
    run(&store, &session, 2).await?;

    // Any moment can be had back, and continued as a branch of its own.
    let first = SnapshotIndex::FIRST;
    let earlier = store.restore(&SnapshotRef { session: session.clone(), index: Some(first) }).await?;
    let mut state: State = serde_json::from_slice(&earlier.state)?;
    state.notes.push("another idea".to_owned());
    let mut request = SaveRequest::new(session.clone(), serde_json::to_vec(&state)?);
    request.parent = Some(first);
    request.description = Some("a second attempt from the first step".to_owned());
    let saved = store.save(request).await?;
    println!("{session}@{} continues @{first}: {:?}", saved.snapshot_index, state.notes);
    Ok(())
}

/// Opens a store on local disk through the plugins that lie beside this program.
async fn open(directory: &std::path::Path) -> Result<Store, Box<dyn Error>> {
    let file = directory.join("persist.toml");
    let root = directory.join("store");
    std::fs::write(
        &file,
        format!(
            "[stores.main]\nstorage = {{ adapter = \"local\", root = {root:?} }}\ncompression = {{ adapter = \"gzip\" }}\n"
        ),
    )?;
    let config = config::load(&ConfigSources::from_environment(Some(file)))?;
    let search = SearchPath::new().with_executable(&std::env::current_exe()?);
    let plugins = Arc::new(Plugins::discover(&search));
    Ok(open_store(&config, None, &plugins, StoreUse::Keep).await?)
}

async fn run(store: &Store, session: &SessionRef, steps: usize) -> Result<(), Box<dyn Error>> {
    let newest = SnapshotRef { session: session.clone(), index: None };
    let (mut state, mut expected) = match store.restore(&newest).await {
        Ok(restored) => {
            (serde_json::from_slice(&restored.state)?, Expect::Index(restored.info.snapshot_index))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => (State::default(), Expect::Empty),
        Err(error) => return Err(error.into()),
    };
    println!("starting with {} notes", state.notes.len());
    for _ in 0..steps {
        state.notes.push(format!("finding {}", state.notes.len()));
        let mut request = SaveRequest::new(session.clone(), serde_json::to_vec(&state)?);
        // If somebody else continued this session meanwhile, the save is refused instead of mixing two histories.
        request.expect_parent = expected;
        let saved = store.save(request).await?;
        expected = Expect::Index(saved.snapshot_index);
        println!("saved {session}@{}: {} bytes stored", saved.snapshot_index, saved.stored_bytes);
    }
    Ok(())
}
