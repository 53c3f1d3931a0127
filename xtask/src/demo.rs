//! `cargo xtask demo`.

use std::{ffi::OsString, process::Stdio};

use crate::{
    artifacts::{self, Plugins},
    error::Result,
    tools::{self, program},
};

/// Builds what the demonstration needs and runs it in this terminal.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    artifacts::build(Plugins::Core)?;
    tools::run(program(artifacts::persist()).arg("demo").args(arguments).stdin(Stdio::inherit()))
}
