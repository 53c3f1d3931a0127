//! Peers that are used from Python: rows of a database, and LangGraph's checkpointers, Persist's among them.

use std::path::{Path, PathBuf};

use persist_test_support::{profile_dir, with_causes};

use super::{
    machine::first_line,
    measure::Call,
    options::Options,
    peer::{Peer, Setup},
};
use crate::{
    artifacts,
    error::Result,
    tools::{make_whole, pip_install, root, run},
    venv::Venv,
    wheel::{PACKAGE, put_package},
};

/// What the driver needs beside what the tests of the Python package need.
const REQUIREMENTS: &str = "requirements-bench.txt";

/// The peers: what the driver calls them, their rows' names, and what of a save is on disk when it returns.
const PEERS: [(&str, &str, &str); 6] = [
    ("rows", "SQLite rows", "yes"),
    ("rows-zlib", "SQLite rows, each compressed with zlib", "yes"),
    ("langgraph-sqlite", "LangGraph, SqliteSaver", "yes"),
    ("langgraph-objectstorage", "LangGraph, objectstorage, zstd", "no"),
    ("langgraph-persist-gzip", "LangGraph, Persist, gzip", "yes"),
    ("langgraph-persist-zstd", "LangGraph, Persist, zstd", "yes"),
];

/// Those that are wanted by their names; those that cannot be had say why. The Python package is put into a directory.
pub(super) fn peers(built: &Path, package: &Path, options: &Options) -> Vec<Peer> {
    let wanted: Vec<_> = PEERS.into_iter().filter(|(_, name, _)| options.wants(name)).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let environment = environment(built, package).map_err(|error| with_causes(&error));
    let peers = wanted.into_iter().map(|(driver, name, durable)| Peer {
        name: name.to_owned(),
        durable,
        version: environment.as_ref().ok().and_then(|call| version(call, driver)),
        setup: environment.clone().map(|call| Setup::Driver(call.args([driver]))),
    });
    peers.collect()
}

/// The driver in an environment that has all packages.
fn environment(built: &Path, package: &Path) -> Result<Call> {
    let plugins = artifacts::Plugins::Core.in_directory(built.to_owned()).filter(|plugin| plugin.is_file());
    put_package(built, plugins, package)?;
    let venv = Venv::with(&profile_dir().with_file_name("python-tests"), &["requirements-test.txt"])?;
    let requirements = root().join(PACKAGE).join(REQUIREMENTS);
    let more = profile_dir().with_file_name("tools").join("python-peers");
    if !more.is_dir() {
        make_whole(&more, |partial| {
            run(pip_install(partial).args(["--no-deps", "--requirement"]).arg(&requirements))
        })?;
    }
    // Before what the environment has of the package, which is another build.
    let path: PathBuf = [package.as_os_str(), more.as_os_str()].join(":".as_ref()).into();
    let driver = root().join(PACKAGE).join("benches/bench_peers.py");
    Ok(Call::new(venv.program("python"), &root()).args([driver]).env("PYTHONPATH", path))
}

fn version(call: &Call, driver: &str) -> Option<String> {
    let version = first_line(&mut call.clone().args([driver, "--version"]).command()).ok()?;
    (!version.is_empty()).then_some(version)
}
