//! `cargo xtask bench-peers`: Persist beside what else could keep the states of agents, on the same states in one run.

mod commands;
mod drivers;
mod machine;
mod measure;
mod options;
mod peer;
mod report;
mod states;

use std::{ffi::OsString, path::Path};

use crate::{
    artifacts,
    error::{Error, Result},
};
use options::Options;
use peer::{Figures, Peer};
use states::Workload;

pub(crate) use measure::run as measure;

/// Builds, gets the peers, and prints for each workload a table as `docs/performance.md` shows it.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let built = artifacts::build_for_peers(&options.profile)?;
    // Beside what is built, for temporary directories may be in memory, where nothing is durable.
    let directory = tempfile::tempdir_in(&built).map_err(Error::io("make a temporary directory"))?;
    let workloads = states::workloads(&directory.path().join("states"), &options)?;
    let mut peers = commands::peers(&built);
    peers.retain(|peer| options.wants(&peer.name));
    peers.extend(drivers::peers(&built, &directory.path().join("python"), &options));
    print!("\n{}", machine::describe(&options.profile)?);
    for peer in peers.iter().filter_map(|peer| peer.version.as_deref()) {
        println!("- {peer}");
    }
    for workload in &workloads {
        print!("\n{}", report::head(workload));
        for peer in &peers {
            let figures = replay(peer, workload, &directory.path().join("store"));
            println!("{}", report::row(peer, &figures));
        }
    }
    Ok(())
}

/// Replays each session of a workload into a directory of its own, which is gone afterwards. An error is the peer's own.
fn replay(peer: &Peer, workload: &Workload, directory: &Path) -> std::result::Result<Figures, String> {
    let setup = peer.setup.as_ref().map_err(Clone::clone)?;
    let mut all = Figures::default();
    for states in &workload.sessions {
        let figures = setup.replay(states, directory);
        let removed = std::fs::remove_dir_all(directory).map_err(Error::io("remove what a peer kept"));
        let told = |error: &Error| persist_test_support::with_causes(error).replace('\n', " ");
        all.add(&figures.map_err(|error| told(&error))?);
        removed.map_err(|error| told(&error))?;
    }
    Ok(all)
}
