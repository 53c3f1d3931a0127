//! Servers that come as npm packages.

use std::path::Path;

use crate::{
    error::Result,
    tools::{program, run},
};

/// Installs a package at one version, with what it depends on, into a directory. No script of any package is run.
pub(super) fn install(name: &str, version: &str, directory: &Path) -> Result<()> {
    let mut command = program("npm");
    command
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel", "error"])
        .arg("--prefix")
        .arg(directory)
        .arg(format!("{name}@{version}"));
    run(&mut command)
}
