//! `cargo xtask bench-hot-paths`: criterion's times of the paths that everything passes through.

use std::ffi::OsString;

use crate::{
    error::Result,
    steps::Outcome,
    tools::{cargo, run as run_command},
};

/// The plugins that are measured, as packages.
const PLUGINS: &str = "-p persist-storage-local -p persist-storage-memory -p persist-compression-gzip \
     -p persist-compression-zstd -p persist-compression-lz4 -p persist-compression-brotli";

/// Builds for release and measures; the arguments are criterion's, such as a part of a benchmark's name.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    run_command(&mut cargo(&format!("build --release --locked {PLUGINS}")))?;
    run_command(cargo("bench --locked -p persist-e2e --bench hot_paths --").args(arguments))
}

/// Runs each once in the profile of development, with what is built.
pub(crate) fn smoke() -> Result<Outcome> {
    run_command(&mut cargo("test --workspace --locked --bench hot_paths"))?;
    Ok(Outcome::Done)
}
