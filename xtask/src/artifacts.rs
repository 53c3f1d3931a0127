//! The persist command and its plugins: what is built, and under what names.

use std::{env, path::PathBuf};

use persist_test_support::profile_dir;

use crate::{
    error::Result,
    tools::{cargo, run},
};

/// The packages whose libraries are the plugins that Persist ships.
const PLUGIN_PACKAGES: [&str; 4] =
    ["persist-storage-local", "persist-storage-memory", "persist-storage-s3", "persist-compression-gzip"];

/// Builds the command and the plugins; one directory holds them all, and the command looks for plugins there.
///
/// Building the whole workspace takes little longer than naming the packages, and it resolves the same
/// features as `cargo xtask test` does: the two then share what they compile. Asking for the examples makes
/// cargo count the features of development dependencies in, as it does for the tests.
pub(crate) fn build() -> Result<()> {
    run(&mut cargo("build --workspace --lib --bins --examples --locked"))
}

/// The built `persist` executable.
pub(crate) fn persist() -> PathBuf {
    profile_dir().join(format!("persist{}", env::consts::EXE_SUFFIX))
}

/// The built plugins.
pub(crate) fn plugins() -> impl Iterator<Item = PathBuf> {
    let directory = profile_dir();
    PLUGIN_PACKAGES.into_iter().map(move |package| {
        let name = package.replace('-', "_");
        directory.join(format!("{}{name}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX))
    })
}
