//! The persist command and its plugins: what is built, and under what names.

use std::{
    env,
    path::{Path, PathBuf},
};

use persist_test_support::profile_dir;

use crate::{
    error::Result,
    tools::{cargo, run},
};

/// The packages of the plugins that come with the command.
const CORE_PLUGINS: [&str; 9] = [
    "persist-storage-local",
    "persist-storage-memory",
    "persist-storage-s3",
    "persist-storage-tiered",
    "persist-compression-brotli",
    "persist-compression-gzip",
    "persist-compression-lz4",
    "persist-compression-none",
    "persist-compression-zstd",
];

/// The packages of the plugins for servers. Each brings the client library of its field, which is heavy, so they are built
/// and shipped only where they are asked for.
const BACKEND_PLUGINS: [&str; 4] = [
    "persist-storage-mongodb",
    "persist-storage-opendal",
    "persist-storage-postgres",
    "persist-storage-redis",
];

/// Which plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plugins {
    /// Those that come with the command.
    Core,
    /// Those for servers as well.
    All,
}

impl Plugins {
    /// Their packages.
    pub(crate) fn packages(self) -> impl Iterator<Item = &'static str> {
        let backends: &[_] = if self == Self::All { &BACKEND_PLUGINS } else { &[] };
        CORE_PLUGINS.into_iter().chain(backends.iter().copied())
    }

    /// Their files in the directory that they were built into.
    pub(crate) fn in_directory(self, directory: PathBuf) -> impl Iterator<Item = PathBuf> {
        self.packages().map(move |package| library(&directory, package))
    }
}

/// Builds the command and plugins; one directory holds them all, and the command looks for plugins there.
///
/// Asking for the examples makes cargo count the features of development dependencies in, as it does for the tests, which
/// build the whole workspace: most of what is compiled is then shared.
pub(crate) fn build(plugins: Plugins) -> Result<()> {
    let scope = if plugins == Plugins::All { " --workspace" } else { "" };
    run(&mut cargo(&format!("build{scope} --lib --bins --examples --locked")))
}

/// Builds the command, the native module of the Python package and plugins in a profile of cargo's. Returns the directory that
/// holds them.
pub(crate) fn build_for_use(profile: &str, plugins: Plugins) -> Result<PathBuf> {
    if profile == "dev" {
        // What the tests have built already.
        build(Plugins::All)?;
        return Ok(profile_dir());
    }
    let mut build = cargo("build --locked -p persist-host -p persist-python --lib --bins --profile");
    build.arg(profile);
    for package in plugins.packages() {
        build.args(["-p", package]);
    }
    run(&mut build)?;
    Ok(profile_dir().with_file_name(profile))
}

/// Builds what is compared with its peers: the command, a program that embeds the library, the native module of the Python
/// package, and the plugins for local storage with gzip and zstd. Returns the directory that holds them.
pub(crate) fn build_for_peers(profile: &str) -> Result<PathBuf> {
    let packages = "-p persist-host -p persist-python -p persist-e2e -p persist-storage-local \
                    -p persist-compression-gzip -p persist-compression-zstd";
    match profile {
        "dev" => build(Plugins::All)?,
        _ => run(&mut cargo(&format!(
            "build --locked {packages} --lib --bin persist --bin peer-library --profile {profile}"
        )))?,
    }
    Ok(profile_dir().with_file_name(if profile == "dev" { "debug" } else { profile }))
}

/// The built `persist` executable.
pub(crate) fn persist() -> PathBuf {
    persist_in(&profile_dir())
}

/// The `persist` executable that was built into a directory.
pub(crate) fn persist_in(directory: &Path) -> PathBuf {
    directory.join(format!("persist{}", env::consts::EXE_SUFFIX))
}

/// The built plugin of a package.
pub(crate) fn plugin(package: &str) -> PathBuf {
    library(&profile_dir(), package)
}

fn library(directory: &Path, package: &str) -> PathBuf {
    let name = package.replace('-', "_");
    directory.join(format!("{}{name}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX))
}
