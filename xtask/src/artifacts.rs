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

/// The packages whose libraries are the plugins that Persist ships.
const PLUGIN_PACKAGES: [&str; 8] = [
    "persist-storage-local",
    "persist-storage-memory",
    "persist-storage-s3",
    "persist-compression-brotli",
    "persist-compression-gzip",
    "persist-compression-lz4",
    "persist-compression-none",
    "persist-compression-zstd",
];

/// Builds the command and the plugins; one directory holds them all, and the command looks for plugins there.
///
/// Building the whole workspace takes little longer than naming the packages, and it resolves the same
/// features as `cargo xtask test` does: the two then share what they compile. Asking for the examples makes
/// cargo count the features of development dependencies in, as it does for the tests.
pub(crate) fn build() -> Result<()> {
    run(&mut cargo("build --workspace --lib --bins --examples --locked"))
}

/// Builds the command and the plugins in a profile of cargo's. Returns the directory that holds them.
pub(crate) fn build_for_use(profile: &str) -> Result<PathBuf> {
    if profile == "dev" {
        build()?;
        return Ok(profile_dir());
    }
    let mut build = cargo("build --locked -p persist-host -p persist-python --lib --bins --profile");
    build.arg(profile);
    for package in PLUGIN_PACKAGES {
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
        "dev" => build()?,
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

/// The built plugins.
pub(crate) fn plugins() -> impl Iterator<Item = PathBuf> {
    plugins_in(profile_dir())
}

/// The plugins that were built into a directory.
pub(crate) fn plugins_in(directory: PathBuf) -> impl Iterator<Item = PathBuf> {
    PLUGIN_PACKAGES.into_iter().map(move |package| {
        let name = package.replace('-', "_");
        directory.join(format!("{}{name}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX))
    })
}
